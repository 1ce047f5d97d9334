"""The command status: where the site stands."""

from __future__ import annotations

import argparse

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, EXIT_FAILED, Commands, answer, say

_ENDED_BADLY = {"failed": EXIT_FAILED, "killed": EXIT_FAILED, "blocked": EXIT_BLOCKED}


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    commands.add_parser(
        "status",
        parents=[shared],
        help="show the state of the deployment; exit code 1: it failed or was killed, 3: it waits for you",
    ).set_defaults(handler=_status)


def _status(args: argparse.Namespace) -> int:
    from seedvm.cli.text import status_lines, status_tree
    from seedvm.engine.lock import engine_pid
    from seedvm.engine.reducer import read_state
    from seedvm.site.bundle import is_current
    from seedvm.site.receipt import handed_over

    state, pid = read_state(args.state_dir), engine_pid(args.state_dir)
    if not state.steps:
        why = f"{args.state_dir}/journal.jsonl contains no runs"
        raise SeedvmError("no deployment has been run yet", why=why, hint="start the deployment: seedvm run")
    owned = handed_over(args.state_dir, state.site)
    state = state.handed_over() if owned else state
    if args.json:
        answer({**status_tree(state, pid), "bundle_current": is_current(args.state_dir)})
    else:
        for line in status_lines(state, pid):
            say(line)
        if is_current(args.state_dir) is False:
            say("bundle: passwords or keys changed since it was written; write another: seedvm bundle site")
    if owned and not args.json:
        say(
            f"receipt of {owned.time}: {owned.verdict}",
            "this machine is a controller of the undercloud, which has run without the seed since; its state now: seedvm top --once",
        )
    return _ENDED_BADLY.get(state.outcome(pid is not None), EXIT_DONE)
