"""Waits for the moment of each blow and strikes, beside an operator who knows nothing of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seedvm.base.errors import SeedvmError
from seedvm.engine.events import Entry
from seedvm.engine.journal import JOURNAL, Tail
from seedvm.rack import inject
from tests.storm.blows import STEPS
from tests.storm.script import Blow, Script
from tests.storm.world import World

_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Landed:
    """A blow that was struck: what it was, and the step in which it fell, which a hand-off may have left by then."""

    planned: str
    blow: str
    what: str
    step: str


@dataclass
class Striker:
    """`landed` so far; `wrong` is what a blow found out. A fault of an earlier blow ends when the next one falls."""

    world: World
    script: Script
    chance: random.Random
    say: Callable[[str], None]
    landed: list[Landed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _striking: threading.Lock = field(default_factory=threading.Lock)
    _step: str = ""
    _thread: threading.Thread | None = None

    def __enter__(self) -> Striker:
        self._tail = Tail(self.world.state / JOURNAL)
        self._tail.read()
        self._unread: list[Entry] = []
        self._thread = threading.Thread(target=self._run, name="striker", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def calm(self) -> None:
        """Wait until no blow is in the middle of being struck: some take several steps."""
        with self._striking:
            pass

    def _run(self) -> None:
        for blow in self.script.blows:
            if not self._await(blow):
                return
            try:
                with self._striking:
                    self._strike(blow)
            except (AssertionError, SeedvmError, OSError) as error:
                self.wrong.append(f"{blow.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def _await(self, blow: Blow) -> bool:
        """Wait for the moment; False when the round is over first."""
        moment = blow.moment
        while not self._over.is_set():
            while self._unread:
                entry = self._unread.pop(0)
                self._note(entry)
                if entry.step == moment.step and entry.kind == f"step-{moment.event}":
                    return not self._over.wait(max(0.0, entry.time.timestamp() + moment.after - time.time()))
            self._unread.extend(self._tail.read().entries)
            if not self._unread:
                self._over.wait(_EVERY_SECONDS)
        return False

    def _note(self, entry: Entry) -> None:
        if entry.kind == "step-started" and entry.step in STEPS:
            self._step = str(entry.step)

    def _strike(self, blow: Blow) -> None:
        self._unread.extend(self._tail.read().entries)
        for entry in self._unread:
            self._note(entry)
        if self.landed:
            inject.heal_machines(self.world.spec, ())
        step = self._step
        what = blow.strike(self.world, self.chance)
        self.landed.append(Landed(str(blow.moment), blow.name, what, step))
        self.say(f"  {blow.moment}: {what}" + (f" (in {step})" if step != blow.moment.step else ""))
