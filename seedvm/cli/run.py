"""The command run: run the deployment, on this terminal or for a program."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Commands, answer, fail, say, steps_of
from seedvm.engine.stages import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from seedvm.engine.events import Entry
    from seedvm.engine.journal import Journal
    from seedvm.engine.run import Ended
    from seedvm.engine.step import Context, Step


PATIENCE_SECONDS = 600.0  # for a service that restarts, a cable that is plugged in again


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    run = commands.add_parser(
        "run", parents=[shared], help="run the deployment; run again to resume after any interruption"
    )
    run.add_argument(
        "--yes-wipe", metavar="SITE", help="confirm with the site's name that the reviewed disks will be wiped"
    )
    run.add_argument(
        "--until", metavar="STEP", choices=STEPS, help="stop before this step; seedvm plan lists the steps"
    )
    run.add_argument(
        "--time",
        metavar="UTC",
        help="the time by your own watch, YYYY-MM-DD HH:MM in UTC; refuses to run where the seed's clock is more than two minutes off",
    )
    run.add_argument("--site", type=Path, help="site file (default STATE_DIR/site.yaml)")
    run.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    from seedvm.engine.journal import Journal
    from seedvm.engine.lock import engine_lock
    from seedvm.engine.run import new_run_id
    from seedvm.engine.step import Context
    from seedvm.site.load import load_site
    from seedvm.site.receipt import departed
    from seedvm.site.secrets_file import draft_secrets, ensure_generated

    _compare_clock(args.time)
    site = load_site(args.site or args.state_dir / "site.yaml")
    if args.yes_wipe is not None and args.yes_wipe != site.name:
        wrong = SeedvmError(
            f"--yes-wipe names {args.yes_wipe}", why=f"the site is {site.name}", hint="use the name of the site"
        )
        fail(wrong, args.json)
        return EXIT_USAGE
    with engine_lock(args.state_dir):
        stored = args.state_dir / "secrets.yaml"
        secrets = draft_secrets(stored) if departed(args.state_dir, site.name) else ensure_generated(stored)
        context = Context(site, secrets, args.state_dir, args.images_dir, args.yes_wipe)
        steps = steps_of(context)
        if args.until is not None and args.until not in [step.name for step in steps]:
            why = "a step is left out where site.yaml does not want it"
            raise SeedvmError(f"this site has no step {args.until}", why=why, hint="seedvm plan lists its steps")
        journal = Journal(args.state_dir / "journal.jsonl", site.name, new_run_id(), _printer(args.json))
        with asyncio.Runner() as runner:
            code = _told(runner.run(_until_signalled(steps, journal, args.until, context)), context, args.json)
            sys.stdout.flush()
            os._exit(code)  # all is on the disk; a thread that still waits on the network would hold the process up


def _compare_clock(said: str | None) -> None:
    """The seed's clock with the operator's word, where that was given."""
    from seedvm.site import limits

    if said is None:
        return
    try:
        trouble = limits.watch(time.time(), limits.spoken(said))
    except ValueError as error:
        raise SeedvmError("--time is not understood", why=str(error), hint="--time '2026-11-30 16:40'") from None
    if trouble is not None:
        raise SeedvmError("the clock is wrong", why=trouble.what, hint=trouble.cure)


def _printer(as_json: bool) -> Callable[[Entry], None]:
    from seedvm.cli.text import EventLines

    lines = EventLines()

    def show(entry: Entry) -> None:
        line = lines.line(entry)
        if line is not None and not as_json:
            with contextlib.suppress(OSError):  # a dead terminal stops no deployment
                say(line)

    return show


async def _until_signalled(steps: tuple[Step, ...], journal: Journal, until: str | None, context: Context) -> Ended:
    from seedvm.engine.run import run
    from seedvm.handoff.hold import take_back_left
    from seedvm.handoff.members import Members

    tidy = partial(take_back_left, Members.of(context))
    task = asyncio.ensure_future(run(steps, journal, until=until, patience=PATIENCE_SECONDS, tidy=tidy))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nor does a dropped line
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def _told(ended: Ended, context: Context, as_json: bool) -> int:
    if as_json:
        answer({"site": context.site.name, "verdict": ended.verdict, "step": ended.step})
    elif ended.verdict == "done":
        say(f"site {context.site.name}: the deployment is complete")
    elif ended.verdict == "stopped" and ended.step is not None:
        say(f"stopped before {ended.step}; resume with: seedvm run")
    if ended.error is not None:
        fail(ended.error, as_json)
    if ended.verdict == "stopped" and ended.step is not None:
        return EXIT_DONE  # --until, which is what was wanted
    return {"done": EXIT_DONE, "blocked": EXIT_BLOCKED}.get(ended.verdict, EXIT_FAILED)
