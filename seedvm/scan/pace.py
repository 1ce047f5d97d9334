"""The packet budget: everything a scan sends waits for its turn here. Refuses nothing, delays everything."""

from __future__ import annotations

import asyncio
import random

ANSWER_SECONDS = 0.8  # how long a question stays open at the least
SLACK_SECONDS = 0.02  # a late wake-up may be made good by a burst no longer than this


JITTER = 1.5


def patience(least: float = ANSWER_SECONDS) -> float:
    """How long to wait for an answer, in seconds: jittered up to JITTER times, so that what is asked again does not come in step."""
    return least * random.uniform(1.0, JITTER)


class Pace:
    """At most `rate` packets per second in all; `sent` counts the turns given, one after the other.

    Who waits for a turn has no time of its own: a loop that was held up would let all whose time has passed go at once.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.interval = 1.0 / rate
        self.sent = 0
        self._next = 0.0
        self._row = asyncio.Lock()

    async def turn(self, packets: int = 1) -> None:
        """Wait until `packets` more may leave."""
        clock = asyncio.get_running_loop().time
        async with self._row:
            early = self._next - clock()
            if early > 0:
                await asyncio.sleep(early)
            self._next = max(self._next, clock() - SLACK_SECONDS) + self.interval * packets
            self.sent += packets
