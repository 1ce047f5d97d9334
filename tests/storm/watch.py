"""Who holds the VIP, sampled on all machines at once for a whole round.

Two holders that can reach each other are what must never be. A machine that is cut off or frozen cannot know, and cannot be told, that
another one has taken over: it counts again once it has had the time to hear it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from seedvm.base.errors import SeedvmError
from seedvm.rack import injected
from tests.storm.world import VIP, World

EVERY_SECONDS = 0.2
HEARD_SECONDS = 6.0
"""How long a machine may take to hear the others after it was cut off: a few advertisements of VRRP."""
_ALONE = ("cut", "partition", "freeze")


@dataclass
class VipWatch:
    """`doubles` are (seconds since 1970, holders), `changes` each change of these; `longest_without` is without one."""

    world: World
    samples: int = 0
    doubles: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    longest_without: float = 0.0
    changes: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _alone_until: dict[str, float] = field(default_factory=dict)
    _thread: threading.Thread | None = None

    def __enter__(self) -> VipWatch:
        self._thread = threading.Thread(target=self._run, name="vip-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def held_since(self, machine: str, since: float) -> bool:
        """Whether a machine began to hold the VIP after a moment."""
        return any(when > since and machine in holders for when, holders in self.changes)

    def _run(self) -> None:
        missing_since: float | None = None
        while not self._over.wait(EVERY_SECONDS):
            now = time.time()
            holders = self.world.at(VIP)
            self.samples += 1
            if not self.changes or self.changes[-1][1] != holders:
                self.changes.append((now, holders))
            missing_since = None if holders else (missing_since or now)
            if missing_since is not None:
                self.longest_without = max(self.longest_without, now - missing_since)
            together = [name for name in holders if self._alone_until_now(now).get(name, 0.0) < now]
            if len(together) > 1:
                self.doubles.append((now, tuple(together)))

    def _alone_until_now(self, now: float) -> dict[str, float]:
        """Until when each machine counts as one that cannot hear the others."""
        try:
            faults = injected.all_of(self.world.spec)
        except (SeedvmError, OSError, ValueError):
            return self._alone_until  # written at this moment
        for one in faults:
            if one.fault in _ALONE and one.wire == "provisioning":
                self._alone_until |= dict.fromkeys(one.machines, now + HEARD_SECONDS)
        return self._alone_until
