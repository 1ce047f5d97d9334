"""The whole hand-off by a real engine of a lab, from COMPARE until the seed has left the cluster: `python -m ... [note | FILE LINE]`.

With a file of seedvm and a line it is killed by SIGKILL right before it runs that line; with `note` it leaves each line of the hand-off
that it came to in LINES, as FILE:LINE. Nothing in the shipped code knows of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import seedvm
from seedvm.engine.journal import JOURNAL, Journal
from seedvm.engine.run import Ended, run
from seedvm.engine.step import Step
from seedvm.handoff import hold
from seedvm.handoff.members import Members
from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_secrets
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_compare import Compare
from seedvm.steps.handoff_fence import Fence
from seedvm.steps.handoff_own import Own, Retire
from seedvm.steps.handoff_quiesce import Quiesce
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.handoff_rehearse import Rehearse
from seedvm.steps.leave import LeaveCluster
from tests.contract.handoff.engine import STATE
from tests.contract.handoff.wire import Wire

LINES = Path("/run/lines")
_HOME = Path(seedvm.__file__).parent
_HANDOFF = ("steps/handoff_", "steps/leave", "handoff/", "controller/handed_over", "base/files")


async def engine() -> Ended:
    """Every step, as `seedvm run` plays them."""
    site, secrets = load_site(STATE / "site.yaml"), load_secrets(STATE / "secrets.yaml")
    members = Members(site, secrets, STATE, connect=lambda _: Wire(Path("/run/wire")))
    kinds = (Compare, Quiesce, Fence, Commit, Own, Retire, Rehearse, WriteReceipt, LeaveCluster)
    steps: tuple[Step, ...] = tuple(kind(members) for kind in kinds)
    journal = Journal(STATE / JOURNAL, site.name, "run")
    return await run(steps, journal, tidy=partial(hold.take_back_left, members))


def note_lines() -> None:
    """Write down each line of the hand-off that runs, once."""
    seen: set[tuple[str, int]] = set()
    file = LINES.open("w")

    def each_line(name: str, line: int) -> None:
        if (name, line) not in seen:
            seen.add((name, line))
            print(name, line, sep=":", file=file, flush=True)

    _at_lines(each_line, lambda name: name.startswith(_HANDOFF))


def die_at(source: str, wanted: int) -> None:
    """Have this process killed when that line of that file is about to run."""

    def each_line(name: str, line: int) -> None:
        if line == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    _at_lines(each_line, lambda name: name == source)


def _at_lines(do: Callable[[str, int], None], wanted: Callable[[str], bool]) -> None:
    """Do this before each line of the files that are wanted, by their names below seedvm/, in every thread."""

    def calls(frame: FrameType, _event: str, _argument: Any) -> Any:
        path = frame.f_code.co_filename
        name = path.removeprefix(f"{_HOME}/")
        return partial(each_line, name) if name != path and wanted(name) else None

    def each_line(name: str, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            do(name, frame.f_lineno)
        return partial(each_line, name)

    threading.settrace(calls)
    sys.settrace(calls)


def main(words: list[str]) -> int:
    if words == ["note"]:
        note_lines()
    elif words:
        die_at(words[0], int(words[1]))
    ended = asyncio.run(engine())
    error = " | ".join(ended.error.lines()) if ended.error else ""
    sys.stdout.write(f"{ended.verdict} {ended.step or ''} {error}".strip() + "\n")
    return 0 if ended.verdict == "done" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
