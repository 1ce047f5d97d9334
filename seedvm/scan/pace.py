"""The packet budget: everything a scan sends waits for its turn here. Refuses nothing, delays everything."""

from __future__ import annotations

import asyncio
import random

ANSWER_SECONDS = 0.8  # how long a question stays open at the least
SLACK_SECONDS = 0.02  # a late wake-up may be made good by a burst no longer than this


def patience() -> float:
    """How long to wait for an answer, in seconds: jittered, so that what is asked again does not come in step."""
    return ANSWER_SECONDS * random.uniform(1.0, 1.5)


class Pace:
    """At most `rate` packets per second in all; `sent` counts the turns given."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.interval = 1.0 / rate
        self.sent = 0
        self._next = 0.0

    async def turn(self, packets: int = 1) -> None:
        """Wait until `packets` more may leave."""
        now = asyncio.get_running_loop().time()
        start = max(self._next, now - SLACK_SECONDS)
        self._next = start + self.interval * packets
        self.sent += packets
        if start > now:
            await asyncio.sleep(start - now)
