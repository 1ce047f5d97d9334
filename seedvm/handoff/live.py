"""The API's gap and the VIP's holder while they happen: the watching member's last samples, read every second and told as facts.

It refuses to disturb the hand-off: a second without a word from the watcher is passed over, and nothing here is ever decided by.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Report
from seedvm.handoff.members import Members
from seedvm.handoff.record import VipWatch
from seedvm.member.watch import SAMPLES, Sample, parse

_EVERY_SECONDS = 1.0
_KEPT_LINES = 600
_ASK_SECONDS = 6.0


@asynccontextmanager
async def reporting_gaps(members: Members, report: Report) -> AsyncIterator[None]:
    """Report `api_gap_now_seconds` and `api_gap_longest_seconds` every second for as long as the block runs, where an observer runs."""
    watch = members.record().watch
    if watch is None:
        yield
        return
    task = asyncio.create_task(_tell(members, watch, report))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tell(members: Members, watch: VipWatch, report: Report) -> None:
    watcher = members.node(watch.member)
    longest = 0.0
    while True:
        words = ["tail", "-n", str(_KEPT_LINES), str(SAMPLES)]
        with contextlib.suppress(SeedvmError):
            said = await members.transport.run(watcher, words, timeout=_ASK_SECONDS, check=False)
            now, seen, polls = gaps_of(parse(said.stdout.splitlines(), watch.token))
            longest = max(longest, seen)
            if polls:
                report.fact("api_gap_now_seconds", round(now, 1))
                report.fact("api_gap_longest_seconds", round(longest, 1))
        await asyncio.sleep(_EVERY_SECONDS)


def gaps_of(samples: Iterable[Sample]) -> tuple[float, float, int]:
    """(the worst gap that is open now, the longest one so far, polls): seconds between answers of one API, by the member's clock."""
    listed = sorted(samples, key=lambda one: one.at)
    now = longest = 0.0
    for api in {one.api for one in listed}:
        own = [one for one in listed if one.api == api]
        last = own[0].at
        for sample in own:
            if sample.good:
                longest = max(longest, sample.at - last)
                last = sample.at
        now = max(now, own[-1].at - last)
    return now, max(longest, now), len(listed)
