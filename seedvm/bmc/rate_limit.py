"""At least five seconds between IPMI sessions to one BMC, whoever of us opens them: BMCs fall over when they are asked more often.

The time of the last one is that of a file per BMC in the state folder, under a lock, so that it holds across objects, steps and
processes. Ironic keeps the same pace among its own (`[ipmi] min_command_interval`). Handshakes that are given back before a login ask
the BMC nothing, and are not counted. It refuses to hold a turn for somebody who only waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from seedvm.base.file_lock import LOOK_AGAIN, try_lock

GAP_SECONDS = 5.0


class RateLimit:
    """Opened by the state folder; `gap` in seconds."""

    def __init__(self, state_dir: Path, gap: float = GAP_SECONDS) -> None:
        self._folder = state_dir / "bmc-pace"
        self.gap = gap

    @contextlib.asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait until this BMC may be asked again, and keep everybody else from asking it until the block ends."""
        descriptor = await self._take(address)
        try:
            yield
        finally:
            os.utime(descriptor)
            os.close(descriptor)

    def seconds_left(self, address: str) -> float:
        """For how long this BMC is to be left in peace yet."""
        try:
            last = (self._folder / address).stat().st_mtime
        except FileNotFoundError:
            return 0.0
        left = last + self.gap - time.time()
        return left if 0 < left <= self.gap else 0.0  # a clock that was set back is no reason to wait for long

    async def _take(self, address: str) -> int:
        path = self._folder / address
        path.parent.mkdir(mode=0o700, exist_ok=True)
        while True:
            await asyncio.sleep(self.seconds_left(address))
            new = not path.exists()
            descriptor = try_lock(path)
            if descriptor is None:
                await asyncio.sleep(LOOK_AGAIN)
            elif new or self.seconds_left(address) == 0:
                return descriptor
            else:
                os.close(descriptor)  # somebody was quicker
