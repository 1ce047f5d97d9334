"""A BMC is left in peace between two sessions, whoever of us opens them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from seedvm.base import process
from seedvm.bmc.rate_limit import RateLimit

ROOT = Path(__file__).parents[2]
OTHER = """
import asyncio, sys, time
from pathlib import Path
from seedvm.bmc.rate_limit import RateLimit

async def main():
    async with RateLimit(Path(sys.argv[1]), gap=1.0).turn("172.22.1.21"):
        print(time.time())

asyncio.run(main())
"""


async def test_two_objects_on_one_folder_keep_the_gap_between_them(tmp_path: Path) -> None:
    ends: list[float] = []
    begins: list[float] = []

    async def one(pace: RateLimit) -> None:
        async with pace.turn("172.22.1.21"):
            begins.append(time.time())
            await asyncio.sleep(0.05)
            ends.append(time.time())

    await asyncio.gather(*(one(RateLimit(tmp_path, gap=0.3)) for _ in range(4)))
    assert all(begin - end >= 0.29 for end, begin in zip(ends, begins[1:], strict=False))


async def test_another_process_waits_too(tmp_path: Path) -> None:
    async with RateLimit(tmp_path, gap=1.0).turn("172.22.1.21"):
        child = process.arun(
            process.Command([sys.executable, "-c", OTHER, tmp_path], env={"PYTHONPATH": str(ROOT)}), timeout=60
        )
        waiting = asyncio.ensure_future(child)
        await asyncio.sleep(0)
    ended = time.time()
    assert float((await waiting).stdout) - ended >= 0.95


async def test_bmcs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    pace = RateLimit(tmp_path, gap=60.0)
    async with pace.turn("172.22.1.21"), pace.turn("172.22.1.22"):
        pass
    assert 55 < pace.seconds_left("172.22.1.21") <= 60
    assert pace.seconds_left("172.22.1.23") == 0


async def test_a_clock_that_was_set_back_stops_nobody(tmp_path: Path) -> None:
    pace = RateLimit(tmp_path, gap=5.0)
    async with pace.turn("172.22.1.21"):
        pass
    later = time.time() + 7200
    os.utime(tmp_path / "bmc-pace" / "172.22.1.21", (later, later))
    assert pace.seconds_left("172.22.1.21") == 0
