"""The hand-off's QUIESCE: nothing is in flight, and nothing may be changed.

All that takes time is done before writes are held: from the hold until COMMIT every second is one in which users wait. It is undone by
letting writes pass again, which its failure does by itself.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import TimedOut, wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.controller import vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import at_once, hold, live, services, vip_back
from seedvm.handoff.members import Members
from seedvm.handoff.record import Quiesced, Record, VipWatch
from seedvm.member import verbs
from seedvm.member.launch import LaunchRequest, StopRequest
from seedvm.member.watch import WatchRequest

_IDLE_SECONDS = 900.0
_SETTLE_SECONDS = 5.0
_WATCH_SECONDS = 3600
_SEEN_SECONDS = 30.0


class Interrupted(SeedvmError):
    """Somebody was quicker than the hold; once that has finished it may begin again."""

    passing = True


@dataclass(frozen=True)
class Quiesce:
    """No operation in flight, and writes are refused with a clear message."""

    members: Members
    idle_seconds: float = _IDLE_SECONDS
    settle_seconds: float = _SETTLE_SECONDS
    name: ClassVar[str] = "handoff-quiesce"
    title: ClassVar[str] = "QUIESCE: nothing in flight, writes on hold"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 8

    async def check(self) -> Verdict:
        if await self.members.committed():
            return Done({"committed": True})
        if not await in_thread(vip.writes_held):
            return Todo("the undercloud still accepts changes")
        known = self.members.record()
        if known.hold_since is None or known.quiesced is None or known.watch is None or not known.attempt:
            return Todo("what must not change was not noted when writes were held")
        return Done({"writes": "refused with 503", "in_flight": 0})

    async def apply(self, report: Report) -> None:
        report.phase("QUIESCE", "started")
        await hold.take_back_left(self.members, report)
        # Nothing of an earlier attempt counts from here on; the hold is declared in the record once all that belongs to it is known.
        known = self.members.record()
        self.members.save(Record(attempt=secrets.token_hex(4), canary=known.canary, compared=known.compared))
        try:
            await vip_back.to_seed(self.members, report)
            await self.members.note("QUIESCE", "started")
            api = await self.members.login(self.members.seed.address)
            watch = await self._watch(report)
            statuses = await self.members.status("holds_vip")
            await self._idle(lambda: in_thread(lambda: services.in_flight(api)), self.idle_seconds, report)
            await live.seen(self.members, watch, seconds=_SEEN_SECONDS)
            since = await hold.declare(report)
            report.log("writes through the VIP are refused until the undercloud owns it")
            quiesced = await self._noted(api, {name: said.booted for name, said in statuses.items()}, report)
            hold.assert_held()
            vip_back.assert_here(self.members)
        except BaseException:
            await hold.take_back(self.members, "QUIESCE", report)
            report.phase("QUIESCE", "undone")
            raise
        known = replace(self.members.record(), hold_since=since, quiesced=quiesced, began={"QUIESCE": since})
        self.members.save(known)
        report.phase("QUIESCE", "done", "nothing in flight, writes are refused with a clear message")

    async def _watch(self, report: Report) -> VipWatch:
        """A node polls the VIP from now on."""
        watcher = self.members.nodes[-1]
        watch = VipWatch(watcher.name, time.time(), secrets.token_hex(8))
        request = WatchRequest(self.members.vip, _WATCH_SECONDS, token=watch.token)
        await self.members.ask_one(watcher, verbs.STOP, StopRequest("watch"))  # one of an attempt that was undone
        await self.members.ask_one(watcher, verbs.LAUNCH, LaunchRequest("watch", _WATCH_SECONDS, request))
        self.members.save(replace(self.members.record(), watch=watch))
        report.log("polling Keystone and Heat through the VIP at 5 Hz from now on", node=watcher.name)
        return watch

    async def _noted(self, api: Client, booted: dict[str, str], report: Report) -> Quiesced:
        """What must not change, under the hold: every id. When each node was booted was asked before."""
        idle = self._idle(lambda: at_once.in_flight(api), self.settle_seconds, report)
        listed = wait_for(lambda: at_once.ids(api), seconds=20, what="the services do not list their IDs")
        try:
            _, ids = await at_once.both(idle, listed)
        except TimedOut as error:
            why = f"it came in right before the hold; {error.why}"
            raise Interrupted(error.what, why=why, hint=error.hint) from error
        return Quiesced(ids, booted)

    async def _idle(self, look: Callable[[], Awaitable[Sequence[str]]], seconds: float, report: Report) -> None:
        reported = ""

        async def idle() -> bool:
            nonlocal reported
            busy = await look()
            if busy:
                if reported != (reported := f"waiting for {', '.join(busy[:3])}"):
                    report.phase("QUIESCE", "started", reported)
                raise SeedvmError("something is in flight", why=", ".join(busy[:6]))
            return True

        hint = "wait until it has finished, or cancel it, then run again"
        await wait_for(idle, seconds=seconds, what="the undercloud is still busy", hint=hint, pause=0.5)
