"""A road of real steps whose outcomes are files, as a program: `python -m tests.unit.file_road STATE [RELEASE]`.

Step `second` tells by a file that it works and then waits until RELEASE exists, so that a test can end the engine in the midst.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.engine.journal import Journal
from seedvm.engine.lock import engine_lock
from seedvm.engine.run import new_run_id, run
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo


@dataclass(frozen=True)
class FileStep:
    """Done when the file is there; `apply` writes it, in two parts. `wait_for` is a file that `apply` waits for in between."""

    name: str
    path: Path
    stage: Stage = "seed"
    usual_seconds: float = 1.0
    wait_for: Path | None = None

    @property
    def title(self) -> str:
        return f"write {self.path.name}"

    async def check(self) -> Done | Todo | Blocked:
        if not self.path.exists():
            return Todo(f"{self.path.name} is missing")
        text = self.path.read_text()
        return Done({"text": text, "size": len(text)}) if text == "whole" else Todo(f"{self.path.name} holds half")

    async def apply(self, report: Report) -> None:
        self.path.write_text("half")
        report.log(f"{self.path.name} is half written", node="m1")
        if self.wait_for is not None:
            async with asyncio.timeout(60):
                while not self.wait_for.exists():
                    await asyncio.sleep(0.01)
        self.path.write_text("whole")
        report.fact(f"{self.name}_written", True)


@dataclass(frozen=True)
class ConsentStep(FileStep):
    """Blocked until somebody else writes the file."""

    async def check(self) -> Done | Todo | Blocked:
        verdict = await super().check()
        return verdict if isinstance(verdict, Done) else Blocked("nobody agreed", "write the file")


class Loose(SeedvmError):
    passing = True


@dataclass(frozen=True)
class BrokenStep(FileStep):
    """Cannot apply: with a SeedvmError, with one that may pass (and does at the second attempt), with a bug, with several at once, or
    by leaving nothing behind."""

    how: str = "refused"

    async def apply(self, report: Report) -> None:
        match self.how:
            case "refused":
                raise SeedvmError("the disk is gone", machine="m3", why="no answer", hint="look behind the rack")
            case "loose":
                raise Loose("the cable is loose", machine="m3", why="no answer")
            case "passing":
                tried = self.path.with_suffix(".tried")
                if not tried.exists():
                    tried.touch()
                    raise Loose("the cable is loose", machine="m3", why="no answer")
                await super().apply(report)
            case "bug":
                raise ZeroDivisionError("division by zero")
            case "several":
                async with asyncio.TaskGroup() as group:
                    for machine in ("m1", "m2"):
                        group.create_task(self._refuse(machine))

    async def _refuse(self, machine: str) -> None:
        raise SeedvmError("no power", machine=machine)


def main(state: Path, release: Path) -> int:
    steps = (
        FileStep("first", state / "first"),
        FileStep("second", state / "second", wait_for=release),
        FileStep("third", state / "third", stage="leave"),
    )
    with engine_lock(state):
        ended = asyncio.run(run(steps, Journal(state / "journal.jsonl", "demo", new_run_id())))
    return 0 if ended.verdict == "done" else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
