"""The hand-off's QUIESCE: nothing is in flight, and nothing may be changed.

It is undone by letting writes pass again, which its failure does by itself.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.controller import units, vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import canary, hold, services
from seedvm.handoff.members import Members
from seedvm.handoff.record import Quiesced, Record
from seedvm.services.load import installed

_IDLE_SECONDS = 900.0
_SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Quiesce:
    """No operation in flight, and writes are refused with a clear message."""

    members: Members
    idle_seconds: float = _IDLE_SECONDS
    settle_seconds: float = _SETTLE_SECONDS
    name: ClassVar[str] = "handoff-quiesce"
    title: ClassVar[str] = "QUIESCE: nothing in flight, writes on hold"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 6

    async def check(self) -> Verdict:
        if await self.members.committed():
            return Done({"committed": True})
        if not await in_thread(vip.writes_held):
            return Todo("the undercloud still accepts changes")
        known = self.members.record()
        if known.hold_since is None or known.quiesced is None or known.canary is None or not known.attempt:
            return Todo("what must not change was not noted when writes were held")
        try:
            api = await self.members.login(self.members.seed.address)
            busy = await in_thread(lambda: services.in_flight(api))
        except SeedvmError as error:
            return Todo(str(error))
        return (
            Todo("in flight: " + ", ".join(busy[:4])) if busy else Done({"writes": "refused with 503", "in_flight": 0})
        )

    async def apply(self, report: Report) -> None:
        report.phase("QUIESCE", "started")
        # Nothing of an earlier attempt counts from here on; the hold is declared in the record once all that belongs to it is known.
        self.members.save(Record(attempt=secrets.token_hex(4)))
        try:
            # An attempt that was killed in FENCE has stopped them, and nothing in flight would ever end.
            await units.start(installed().units("worker"))
            await self.members.note("QUIESCE", "started")
            api = await self.members.login(self.members.seed.address)
            await self._idle(api, self.idle_seconds, report)
            made = await in_thread(lambda: canary.make(api, self.members.secrets.generated.handoff_key))
            self.members.save(replace(self.members.record(), canary=made))
            since = time.time()
            await hold.declare()
            report.log("writes through the VIP are refused until the undercloud owns it")
            await self._idle(api, self.settle_seconds, report)
            quiesced = await self._noted(api)
            hold.assert_held()
        except BaseException:
            await hold.take_back(self.members, "QUIESCE")
            report.phase("QUIESCE", "undone")
            raise
        known = replace(self.members.record(), hold_since=since, quiesced=quiesced, began={"QUIESCE": since})
        self.members.save(known)
        report.phase("QUIESCE", "done", "nothing in flight, writes are refused with a clear message")

    async def _noted(self, api: Client) -> Quiesced:
        """What must not change: every id, and when each node was booted."""
        ids = await wait_for(
            lambda: in_thread(lambda: services.ids(api)), seconds=20, what="the services do not list their IDs"
        )
        statuses = await self.members.status("holds_vip")
        return Quiesced(ids, {name: said.booted for name, said in statuses.items()})

    async def _idle(self, api: Client, seconds: float, report: Report) -> None:
        reported = ""

        async def idle() -> bool:
            nonlocal reported
            busy = await in_thread(lambda: services.in_flight(api))
            if busy:
                if reported != (reported := f"waiting for {', '.join(busy[:3])}"):
                    report.phase("QUIESCE", "started", reported)
                raise SeedvmError("something is in flight", why=", ".join(busy[:6]))
            return True

        hint = "wait until it has finished, or cancel it, then run again"
        await wait_for(idle, seconds=seconds, what="the undercloud is still busy", hint=hint)
