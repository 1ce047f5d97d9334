"""The operator in a round: waits for the engine, powers on a seed that is off, reads the hint, and runs again.

It knows nothing of the blow.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from seedvm.base.errors import SeedvmError
from seedvm.engine.events import Entry
from seedvm.rack import rack
from tests.storm.world import SEED, World, last, wait

_RUN_SECONDS = 25 * 60.0
_PAUSE_SECONDS = 5.0
_READY_SECONDS = 150.0
_MARK = "handed-over"
_WORKERS = ("heat-engine", "ironic-conductor", "nova-scheduler")
_WORKERS_SECONDS = 90.0
_ACCEPT = re.compile(r"seedvm handoff accept ([\w. -]+)")


@dataclass
class Operator:
    """`tries` are the reasons and hints of each run that did not end with the seed off; `wrong` is what such a run left behind.

    `calm` returns when it may look: a blow of several steps has been struck.
    """

    world: World
    say: Callable[[str], None]
    most: int
    calm: Callable[[], None] = lambda: None
    tries: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def to_the_end(self) -> bool:
        """Run again until the seed has left; False when that was not so after so many tries."""
        while True:
            self.until_engine_ends()
            self.calm()
            if self.world.seed_has_left():
                return True
            if len(self.tries) >= self.most:
                return False
            reason = self.reason()
            self.tries.append(reason)
            self.say(f"  run {len(self.tries)} ended: {reason}")
            self.check_way_back(reason)
            self.follow(reason)
            time.sleep(_PAUSE_SECONDS)
            if self.world.seed_has_left():
                return True
            self.begin()

    def begin(self) -> None:
        """Power on the seed if it is off, and start the engine."""
        world = self.world
        if not rack.is_on(world.spec, SEED):
            rack.up(world.spec)
        wait("the seed takes orders", world.seed_is_ready, _READY_SECONDS)
        if not world.engine_works():
            try:
                world.start_engine()
            except SeedvmError as error:
                self.say(f"  the engine cannot be started: {error}")

    def until_engine_ends(self) -> None:
        """Until nothing works on the seed, or it is off. A seed that is frozen is waited for."""
        deadline = time.monotonic() + _RUN_SECONDS
        idle = 0
        while idle < 3:
            working = self.world.engine() is not None or self.world.engine_works()
            idle = 0 if working else idle + 1
            assert time.monotonic() < deadline, (
                f"the engine was still at work after {_RUN_SECONDS:g} s: {self.reason()}"
            )
            time.sleep(1)
        if (self.world.state / "seed-off").exists():
            wait("the seed powers off", self.world.seed_has_left, 150)

    def reason(self) -> str:
        """Why the last run ended, in the product's own words."""
        entries = self.world.journal()
        began = last(entries, "run-started")
        if began is None:
            return "nothing is in the journal"
        run = [one for one in entries if one.run == began.run]
        stopped = [one for one in run if one.kind in ("step-failed", "step-checked")]
        blocked = [
            one for one in stopped if one.kind == "step-failed" or one.event.fields().get("verdict") == "blocked"
        ]
        ended = last(run, "run-ended")
        words = [described(one) for one in (*blocked[-1:], *([ended] if ended else []))]
        return "; ".join(words) or f"run {began.run} did not end"

    def check_way_back(self, reason: str) -> None:
        """A run that said its end before COMMIT has left no stopped worker on the seed."""
        if "run-ended" not in reason or (self.world.state / _MARK).exists() or not self.world.seed_is_ready():
            return
        try:
            wait("the seed's workers are active again", self.workers_are_active, _WORKERS_SECONDS, every=2)
        except AssertionError as error:
            self.wrong.append(f"{error}, after: {reason[:120]}")

    def workers_are_active(self) -> bool:
        try:
            said = self.world.on(SEED, "systemctl", "is-active", *_WORKERS, check=False).split()
        except SeedvmError:
            return False
        return said == ["active"] * len(_WORKERS)

    def follow(self, reason: str) -> None:
        """Do what the hint says, where it names a command."""
        for name in dict.fromkeys(" ".join(_ACCEPT.findall(reason)).split()):
            said = self.world.on(SEED, "seedvm", "handoff", "accept", name, check=False)
            self.say(f"  accepted {name}: {said.strip()[:200]}")


def described(entry: Entry) -> str:
    """An event in one line: step, and each of its texts."""
    fields = entry.event.fields()
    words = [str(fields[name]) for name in ("verdict", "what", "machine", "why", "hint") if fields.get(name)]
    return f"{entry.step or 'run'} {entry.kind}: {' | '.join(words)}"[:1600]


def narrated(entries: Sequence[Entry]) -> list[str]:
    """The journal of a round as lines."""
    return [f"{one.time:%H:%M:%S} {described(one)}" for one in entries]
