"""The hand-off's COMMIT: the VIP moves to a node.

This is the point of no return: after it nothing here is ever undone.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.connection import in_thread
from seedvm.cloud.probe import probe
from seedvm.controller import units, vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.members import Members
from seedvm.handoff.record import Committed
from seedvm.services.load import installed

LOCAL_DATA = Path("/var/lib/os-collect-config/local-data/seedvm.json")
_MOVE_SECONDS = 60.0


@dataclass(frozen=True)
class Commit:
    """The VIP is a node's. Point of no return."""

    members: Members
    name: ClassVar[str] = "handoff-commit"
    title: ClassVar[str] = "COMMIT: the VIP moves; point of no return"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 6

    async def check(self) -> Verdict:
        if not await self.members.committed():
            return Todo("the seed still holds the VIP")
        here = await asyncio.to_thread(vip.holds, self.members.vip)
        if here or await units.active(installed().units("vip")):
            return Todo("keepalived is running on the seed and may take the VIP back")
        committed = self.members.record().committed
        if LOCAL_DATA.exists():
            return Todo("the seed still has the metadata that would configure it again")
        if committed is None or committed.write_pause is None:
            return Todo("no write through the VIP has been verified yet")
        return Done({"vip": committed.vip_holder, "write_pause_seconds": committed.write_pause})

    async def apply(self, report: Report) -> None:
        report.phase("COMMIT", "started")
        async with reporting_gaps(self.members, report):
            await self._move(report)

    async def _move(self, report: Report) -> None:
        if not await self.members.committed():
            await self.members.note("COMMIT", "started")
            known = self.members.record()
            self.members.save(replace(known, began={**known.began, "COMMIT": time.time()}))
        # From here a seed that is started again must not configure itself, nor reach for the VIP.
        LOCAL_DATA.unlink(missing_ok=True)
        await units.stop(installed().units("vip"), grace=units.GRACE_SECONDS)
        holder = await wait_for(
            self._moved, seconds=_MOVE_SECONDS, what="the VIP did not move to a node", hint=_FORWARD, pause=0.2
        )
        await self.members.note("COMMIT", "done", vip=holder)
        self.members.save(replace(self.members.record(), committed=Committed(holder)))
        report.fact("vip_holder", holder)
        report.phase("COMMIT", "started", f"the VIP is on {holder}; waiting for a write to succeed")
        report.log(f"the VIP is on {holder}; from here the hand-off can only be completed, not undone", node=holder)
        await wait_for(
            self._written, seconds=_MOVE_SECONDS, what="no write through the VIP succeeds", hint=_FORWARD, pause=0.2
        )
        known, now = self.members.record(), time.time()
        pause = round(now - (known.hold_since or known.began.get("QUIESCE") or now), 1)
        self.members.save(replace(known, committed=Committed(holder, pause)))
        report.fact("handoff_write_pause_seconds", pause)
        await units.disable(installed().units("vip"))
        report.phase("COMMIT", "done", f"the VIP is on {holder}; writes paused for {pause:g} s")

    async def _moved(self) -> str | None:
        """The name of the node that holds the VIP, once its Keystone answers there."""
        if await asyncio.to_thread(vip.holds, self.members.vip):
            return None
        heard = await in_thread(lambda: probe(self.members.vip, installed().ports["keystone"], "/v3", seconds=3))
        if heard.status != 200:
            return None
        holders = await self.members.holders()
        return holders[0].name if len(holders) == 1 else None

    async def _written(self) -> bool:
        """A write through the VIP: the canary is taken out again."""
        api = replace(await self.members.login(), timeout=5)
        canary = self.members.record().canary
        if canary is None:
            raise SeedvmError(
                "the test credential is unknown",
                why="handoff.json has no result of QUIESCE",
                hint="restore handoff.json in the state folder from a copy, then run again",
            )
        answer = await in_thread(lambda: api.ask("DELETE", "keystone", f"/credentials/{canary.id}"))
        return answer.status in (204, 404)


_FORWARD = "on the nodes: systemctl status keepalived haproxy; keep keepalived on the seed stopped, then run again"
