"""`seedvm handoff undo`: take a hand-off back before its point of no return."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.handoff.undo import Undone
    from seedvm.site.model import Site

_STOP_SECONDS = 120.0


def add_verb(verbs: Commands, shared: argparse.ArgumentParser) -> None:
    undo = verbs.add_parser(
        "undo",
        parents=[shared],
        help="before COMMIT: stop the engine, allow changes again, start the seed's services; refused after COMMIT",
    )
    undo.set_defaults(handler=_undo)


def _undo(args: argparse.Namespace) -> int:
    from seedvm.engine.lock import engine_lock
    from seedvm.handoff.members import Members
    from seedvm.handoff.undo import undo
    from seedvm.site.load import load_site
    from seedvm.site.receipt import departed
    from seedvm.site.secrets_file import load_secrets

    site = load_site(args.state_dir / "site.yaml")
    if departed(args.state_dir, site.name):
        raise SeedvmError("the hand-off cannot be undone: the seed has left", hint="manage the undercloud itself")
    if not (args.state_dir / "secrets.yaml").exists():
        raise SeedvmError("no deployment has been run yet", hint="start the deployment: seedvm run")
    stopped = asyncio.run(_stop_engine(args.state_dir))
    with engine_lock(args.state_dir):
        done = asyncio.run(undo(Members(site, load_secrets(args.state_dir / "secrets.yaml"), args.state_dir)))
        if done.undone:
            _journal(args.state_dir, site)
    if args.json:
        answer({"site": site.name, **asdict(done), "engine_stopped": stopped, "summary": _sentence(done)})
    else:
        say(_sentence(done))
    return EXIT_DONE


async def _stop_engine(state_dir: Path) -> bool:
    """End the engine that works on the site, by the signal that has it take back what it does; whether there was one."""
    from seedvm.base.waiting import wait_for
    from seedvm.engine.lock import engine_pid

    pid = engine_pid(state_dir)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)

    async def ended() -> bool:
        return engine_pid(state_dir) != pid

    await wait_for(
        ended,
        seconds=_STOP_SECONDS,
        what=f"the engine (PID {pid}) does not stop",
        hint="stop it: systemctl stop seedvm-engine; then run it again",
        pause=0.2,
    )
    return True


def _journal(state_dir: Path, site: Site) -> None:
    """The screen and the report show it."""
    from seedvm.engine import events
    from seedvm.engine.journal import JOURNAL, Journal
    from seedvm.engine.reducer import read_state
    from seedvm.engine.run import new_run_id
    from seedvm.handoff.undo import PHASES

    begun = read_state(state_dir).phases
    journal = Journal(state_dir / JOURNAL, site.name, new_run_id())
    for phase in PHASES:
        if phase in begun:
            journal.append(events.PhaseReached(phase, "undone", "at the operator's request"), step="handoff-quiesce")
    journal.append(events.Log("the hand-off was undone: changes are accepted and the seed's services run", ""))
    journal.close()


def _sentence(done: Undone) -> str:
    if not done.undone:
        return "no hand-off is under way; nothing was changed"
    started = f"{len(done.started)} services of the seed were started" if done.started else "the seed's services run"
    writes = "are accepted again" if done.writes_were_held else "are accepted"
    vip = "the VIP is on the seed" if done.vip_here else "the VIP is not on the seed: systemctl status keepalived"
    return f"the hand-off was undone: changes {writes}, {started}, {vip}; seedvm run starts it again"
