"""At least five seconds between IPMI sessions to one BMC, whoever of us opens them: BMCs fall over when they are asked more often.

The time of the last one is that of a file per BMC in the state folder, under a lock, so that it holds across objects, steps and
processes. Ironic keeps the same pace among its own (`[ipmi] min_command_interval`). Handshakes that are given back before a login ask
the BMC nothing, and are not counted. It refuses to hold a turn for somebody who only waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

GAP_SECONDS = 5.0
_LOOK_AGAIN = 0.05


class Pace:
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
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while True:
            await asyncio.sleep(self.seconds_left(address))
            path = self._folder / address
            new = not path.exists()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                await asyncio.sleep(_LOOK_AGAIN)
                continue
            if new or self.seconds_left(address) == 0:
                return descriptor
            os.close(descriptor)  # somebody was quicker
