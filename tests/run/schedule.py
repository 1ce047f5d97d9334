"""Runs parts beside each other as far as the machine holds them, all of them to their end, whatever fails.

A part begins as soon as what it comes after has ended and its cores, memory and locks are free; the first of the list that fits goes
first. Parts that yield keep no core from the others, which begin beside them as if they were not there. A part that no machine of
this size holds runs when nothing else does. It refuses nothing: an interruption ends every part by
SIGINT, as Ctrl-C does, and waits for it, since a part takes its racks away with it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from tests.run.group import Group
from tests.run.parts import Part, command

_TELL_EVERY_SECONDS = 300.0
_ROUNDING = 1e-9
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Machine:
    """What there is: cores, and MiB of memory."""

    cores: float
    memory_mib: int


@dataclass(frozen=True)
class Ended:
    """How a part went: its exit code, seconds from the beginning of all to its begin and end, and the processor seconds that it used."""

    part: Part
    code: int
    began: float
    ended: float
    processor: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True)
class Running:
    """A part at work."""

    part: Part
    child: process.Child
    group: Group
    began: float


def fits(part: Part, running: Iterable[Part], ended: Iterable[str], machine: Machine) -> bool:
    """Whether a part may begin beside those that run; `ended` are names of parts."""
    others = list(running)
    if not set(part.after) <= set(ended):
        return False
    for other in others:
        if part.alone & (other.alone | other.shared) or part.shared & other.alone:
            return False
    cores = sum(other.cores for other in others if part.yields or not other.yields) + part.cores
    memory = sum(other.memory_mib for other in others) + part.memory_mib
    return not others or (cores <= machine.cores + _ROUNDING and memory <= machine.memory_mib)


class Schedule:
    """One run of parts. Logs and reports are `folder`/NAME.log and NAME.xml; `say` gets a line when something has changed."""

    def __init__(self, parts: Sequence[Part], machine: Machine, folder: Path, say: Callable[[str], None]) -> None:
        names = {part.name for part in parts}
        self._pending = list(parts)
        self._absent = {name for part in parts for name in part.after} - names
        self._machine = machine
        self._folder = folder
        self._say = say
        self._begin = time.monotonic()
        self._running: dict[Future[int], Running] = {}
        self.ended: list[Ended] = []

    def run(self) -> list[Ended]:
        """All of them; in the order in which they ended."""
        with ThreadPoolExecutor(max(1, len(self._pending))) as pool:
            try:
                self._start(pool)
                while self._running:
                    self._wait()
                    self._start(pool)
            finally:
                self._pending.clear()
                self._interrupt()
                while self._running:
                    self._wait()
        return self.ended

    def _start(self, pool: ThreadPoolExecutor) -> None:
        ended = self._absent | {one.part.name for one in self.ended}
        for part in list(self._pending):
            if fits(part, [one.part for one in self._running.values()], ended, self._machine):
                self._pending.remove(part)
                group = Group(part.name, part.weight)
                words = group.enter(command(part, str(self._folder / f"{part.name}.xml")))
                child = process.spawn(process.Command(words, env=_ENVIRONMENT), log=self._folder / f"{part.name}.log")
                self._running[pool.submit(child.wait)] = Running(part, child, group, self._seconds())
                self._say(f"{self._seconds():6.0f} s  {part.name} begins")

    def _wait(self) -> None:
        """Until one has ended, at least; or for a while, and then tell who is at work."""
        done, _ = wait(self._running, timeout=_TELL_EVERY_SECONDS, return_when=FIRST_COMPLETED)
        if not done:
            names = ", ".join(
                f"{one.part.name} ({self._seconds() - one.began:.0f} s)" for one in self._running.values()
            )
            self._say(f"{self._seconds():6.0f} s  at work: {names}")
        for future in done:
            one = self._running.pop(future)
            ended = Ended(one.part, future.result(), one.began, self._seconds(), one.group.seconds())
            one.group.remove()
            self.ended.append(ended)
            how = "ends" if ended.code == 0 else f"ends with code {ended.code}"
            self._say(f"{ended.ended:6.0f} s  {ended.part.name} {how} after {ended.seconds:.0f} s")

    def _interrupt(self) -> None:
        for one in self._running.values():
            try:
                os.killpg(one.child.pid, signal.SIGINT)
            except ProcessLookupError:
                continue

    def _seconds(self) -> float:
        return time.monotonic() - self._begin
