"""The hand-off's QUIESCE: nothing is in flight, and nothing may be changed.

It is undone by letting writes pass again, which its failure does by itself.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.first import first
from seedvm.base.waiting import wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.ssh import SEEDVM
from seedvm.controller import units, vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import services
from seedvm.handoff.members import HOLD_TIMER, Members
from seedvm.handoff.record import Canary, Quiesced
from seedvm.wire.verdict import seal

_IDLE_SECONDS = 900.0
_SETTLE_SECONDS = 20.0
_HOLD_SECONDS = 240.0
_CANARY = "seedvm-canary"


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
        if not await asyncio.to_thread(vip.writes_held):
            return Todo("the undercloud still accepts changes")
        if self.members.record().hold_since is None:
            return Todo("the start of the hold on writes is unknown")
        try:
            api = await self.members.login(self.members.seed.address)
            busy = await asyncio.to_thread(services.in_flight, api)
        except SeedvmError as error:
            return Todo(str(error))
        return (
            Todo("in flight: " + ", ".join(busy[:4])) if busy else Done({"writes": "refused with 503", "in_flight": 0})
        )

    async def apply(self, report: Report) -> None:
        report.phase("QUIESCE", "started")
        await self.members.note("QUIESCE", "started")
        api = await self.members.login(self.members.seed.address)
        await self._idle(api, self.idle_seconds, report)
        await asyncio.to_thread(self._canary, api)
        since = time.time()
        self.members.save(replace(self.members.record(), hold_since=since, compared=None))
        await units.timer(HOLD_TIMER, _HOLD_SECONDS, [SEEDVM, "member", "release"])
        await asyncio.to_thread(vip.hold_writes, True)
        report.log("writes through the VIP are refused until the undercloud owns it")
        try:
            await self._idle(api, self.settle_seconds, report)
            ids = await wait_for(
                lambda: asyncio.to_thread(services.ids, api), seconds=20, what="the services do not list their IDs"
            )
            statuses = await self.members.status("holds_vip")
        except BaseException:
            await self.members.release_writes()
            report.phase("QUIESCE", "undone")
            raise
        booted = {name: said.booted for name, said in statuses.items()}
        self.members.save(replace(self.members.record(), quiesced=Quiesced(ids, booted), began={"QUIESCE": since}))
        report.phase("QUIESCE", "done", "nothing in flight, writes are refused with a clear message")

    async def _idle(self, api: Client, seconds: float, report: Report) -> None:
        reported = ""

        async def idle() -> bool:
            nonlocal reported
            busy = await asyncio.to_thread(services.in_flight, api)
            if busy:
                if reported != (reported := f"waiting for {', '.join(busy[:3])}"):
                    report.phase("QUIESCE", "started", reported)
                raise SeedvmError("something is in flight", why=", ".join(busy[:6]))
            return True

        hint = "wait until it has finished, or cancel it, then run again"
        await wait_for(idle, seconds=seconds, what="the undercloud is still busy", hint=hint)

    def _canary(self, api: Client) -> None:
        """A credential in Keystone whose decryption can be proved on every member; an old one is replaced."""
        user = first(api.list_all("keystone", "/users?name=admin", "users"), "Keystone has no user admin").text("id")
        for old in api.list_all("keystone", f"/credentials?type={_CANARY}", "credentials"):
            api.delete("keystone", f"/credentials/{old.text('id')}")
        blob = secrets.token_hex(16)
        body = {"credential": {"type": _CANARY, "blob": blob, "user_id": user, "project_id": api.project}}
        made = api.send("POST", "keystone", "/credentials", body).item("credential").text("id")
        sealed = seal(blob, self.members.secrets.generated.handoff_key)
        self.members.save(replace(self.members.record(), canary=Canary(made, sealed)))
