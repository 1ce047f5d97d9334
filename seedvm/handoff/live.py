"""The API's gap and the VIP's holder while they happen: the watching member's last samples, read every two seconds and told as facts.

It refuses to disturb the hand-off: a look without a word from the watcher is passed over, and nothing here is ever decided by.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NotYet, wait_for
from seedvm.engine.step import Report
from seedvm.handoff.members import Members
from seedvm.handoff.record import VipWatch
from seedvm.member import verbs
from seedvm.member.watch import SAMPLES, WRITES, Gaps, GapsRequest, Sample, parse

_EVERY_SECONDS = 2.0  # an SSH connection each
_KEPT_LINES = 600
_ASK_SECONDS = 6.0
_SEEN_SECONDS = 15.0
_HEARD = 3  # Keystone, Heat, and a write


@asynccontextmanager
async def reporting_gaps(members: Members, report: Report) -> AsyncIterator[None]:
    """Report `api_gap_now_seconds` and `api_gap_longest_seconds` every two seconds while the block runs, where an observer runs."""
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


async def seen(members: Members, watch: VipWatch, *, seconds: float) -> None:
    """Wait until that watch has heard every API, and has seen a write pass: what comes after is measured whole."""

    async def heard() -> bool | NotYet:
        good = {one.api for one in await _last(members, watch) if one.good}
        return NotYet(f"it heard {', '.join(sorted(good)) or 'nothing'}", watch.member) if len(good) < _HEARD else True

    hint = "on that node: journalctl -u seedvm-watch; systemctl status keepalived"
    await wait_for(heard, seconds=seconds, what="the node that polls the VIP hears nothing", hint=hint, pause=0.5)


async def write_pause(members: Members, watch: VipWatch) -> float | None:
    """For how many seconds writes were refused, by that watch, once it has seen one pass again; None where it cannot say."""

    async def whole() -> Gaps | None:
        said = await members.ask_one(
            members.node(watch.member), verbs.GAPS, GapsRequest(watch.token), timeout=_SEEN_SECONDS
        )
        return said if said.write_pause is not None or not said.gaps else None

    said: Gaps = await wait_for(
        whole, seconds=_SEEN_SECONDS, what="the node that polls the VIP sees no write pass", pause=0.5
    )
    return said.write_pause


async def _last(members: Members, watch: VipWatch) -> list[Sample]:
    words = ["tail", "-n", str(_KEPT_LINES), str(SAMPLES)]
    said = await members.transport.run(members.node(watch.member), words, timeout=_ASK_SECONDS, check=False)
    return parse(said.stdout.splitlines(), watch.token)


async def _tell(members: Members, watch: VipWatch, report: Report) -> None:
    longest = 0.0
    while True:
        with contextlib.suppress(SeedvmError):
            now, so_far, polls = gaps_of(await _last(members, watch))
            longest = max(longest, so_far)
            if polls:
                report.fact("api_gap_now_seconds", round(now, 1))
                report.fact("api_gap_longest_seconds", round(longest, 1))
        await asyncio.sleep(_EVERY_SECONDS)


def gaps_of(samples: Iterable[Sample]) -> tuple[float, float, int]:
    """(the worst gap that is open now, the longest one so far, polls): seconds between answers of one API, by the member's clock."""
    listed = sorted((one for one in samples if one.api != WRITES), key=lambda one: one.at)
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
