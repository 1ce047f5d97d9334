"""The hand-off's COMMIT: the VIP moves to a node.

The seed's mark is the point of no return: it is on the disk before anything is taken away. Before it a failure leads back, after it only
forward.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.connection import in_thread
from seedvm.cloud.probe import probe
from seedvm.controller import galera, handed_over, units, vip
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import at_once, canary, hold, live, vip_back
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.members import Members
from seedvm.handoff.record import Committed
from seedvm.member.watch import passes
from seedvm.services.load import installed

_MOVE_SECONDS = 60.0
_KNOCK_SECONDS = 0.5
_NOTE_SECONDS = 15.0


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
        if not handed_over.marked(self.members.site.name):
            return Todo("the seed is not marked as one that has handed over")
        here = await in_thread(lambda: vip.holds(self.members.vip))
        if here or await units.active(installed().units("vip")):
            return Todo("keepalived is running on the seed and may take the VIP back")
        if LOCAL_DATA.exists():
            return Todo("the seed still has the metadata that would configure it again")
        if running := await units.active(installed().units("worker")):
            return Todo(f"started again on the seed: {', '.join(running[:4])}")
        if await in_thread(_votes):
            return Todo("the seed still has votes in the database cluster")
        known = self.members.record()
        committed = known.committed
        if committed is None or (committed.write_pause is None and known.adopted is None):
            return Todo("no write through the VIP has been verified yet")
        return Done({"vip": committed.vip_holder, "write_pause_seconds": committed.write_pause})

    async def apply(self, report: Report) -> None:
        report.phase("COMMIT", "started")
        async with reporting_gaps(self.members, report):
            if not await self.members.committed():
                await self._begin(report)
            await self._move(report)

    async def _begin(self, report: Report) -> None:
        """Up to the mark, which is the point of no return; until then a failure leads back."""
        site = self.members.site.name
        try:
            hold.assert_held()
            if missing := self.members.record().lacking():
                raise SeedvmError(
                    "the hand-off's record is incomplete",
                    why=f"handoff.json has no result of {', '.join(missing)}; without it there is never a receipt",
                    hint="run again; the hand-off begins with QUIESCE again",
                )
            if running := await units.active(installed().units("worker")):
                raise SeedvmError("the seed's workers run again", why=", ".join(running[:4]), hint="run again")
            await at_once.both(hold.renew(), self.members.note("COMMIT", "started", timeout=_NOTE_SECONDS))
            known = self.members.record()
            self.members.save(replace(known, began={**known.began, "COMMIT": time.time()}))
            hold.assert_held()
            vip_back.assert_here(self.members)
            handed_over.mark(site, known.attempt)
            # What the timer or HAProxy let through while the mark was being written would be lost: the last moment to go back.
            if not vip.writes_held():
                handed_over.withdraw()
                hold.assert_held()
        except BaseException:
            if not handed_over.marked(site):
                await hold.take_back(self.members, "COMMIT", report)
                report.phase("COMMIT", "undone")
            raise

    async def _move(self, report: Report) -> None:
        """From here on only forward; each line may be done again."""
        handed_over.mark(self.members.site.name, self.members.record().attempt)
        # A seed that is started again must not configure itself, nor reach for the VIP, nor boot machines.
        LOCAL_DATA.unlink(missing_ok=True)
        await at_once.both(units.stop(installed().units("vip"), grace=units.GRACE_SECONDS), self._pass_writes(report))
        holder = await wait_for(
            self._moved, seconds=_MOVE_SECONDS, what="the VIP did not move to a node", hint=_FORWARD, pause=0.2
        )
        pause = await self._paused(report)
        # With them the seed's end would take the majority from two healthy nodes of three.
        if await in_thread(_votes):
            await in_thread(_give_up_votes)
        await self.members.note("COMMIT", "done", vip=holder)
        self.members.save(replace(self.members.record(), committed=Committed(holder, pause)))
        report.fact("vip_holder", holder)
        report.log(f"the VIP is on {holder}; from here the hand-off can only be completed, not undone", node=holder)
        await units.stop(installed().units("worker"), grace=units.GRACE_SECONDS)
        await units.disable(installed().units("vip"))
        for name in hold.TIMERS:
            await units.cancel(name)
        paused = f"writes paused for {pause:g} s" if pause is not None else "it is not known for how long writes paused"
        report.phase("COMMIT", "done", f"the VIP is on {holder}; {paused}")

    async def _pass_writes(self, report: Report) -> None:
        """Wait until writes pass, and prove it by one."""
        port = installed().ports["keystone"]

        async def answered() -> bool:
            return await in_thread(lambda: passes(self.members.vip, port, seconds=_KNOCK_SECONDS))

        what = "no write through the VIP succeeds"
        report.phase("COMMIT", "started", "the VIP is moving; waiting for a write to succeed")
        await wait_for(answered, seconds=_MOVE_SECONDS, what=what, hint=_FORWARD, pause=0.1)
        report.fact(hold.HELD, None)
        await wait_for(self._written, seconds=_MOVE_SECONDS, what=what, hint=_FORWARD, pause=0.2)

    async def _paused(self, report: Report) -> float | None:
        """For how many seconds writes were refused: what the node that polls the VIP saw, whichever run or engine it was. Where it cannot
        say so, the time from the hold until now, which is longer; on a seed that took the hand-off up that says nothing."""
        known, now = self.members.record(), time.time()
        pause: float | None = round(now - (known.hold_since or known.began.get("QUIESCE") or now), 1)
        if known.adopted is not None:
            pause = None
        with contextlib.suppress(SeedvmError, TimeoutError):
            if known.watch is not None:
                pause = await live.write_pause(self.members, known.watch) or pause
        if pause is not None:
            report.fact("handoff_write_pause_seconds", pause)
        return pause

    async def _moved(self) -> str | None:
        """The name of the node that holds the VIP, once its Keystone answers there."""
        if await in_thread(lambda: vip.holds(self.members.vip)):
            return None
        heard = await in_thread(lambda: probe(self.members.vip, installed().ports["keystone"], "/v3", seconds=3))
        if heard.status != 200:
            return None
        holders = await self.members.holders()
        return holders[0].name if len(holders) == 1 else None

    async def _written(self) -> bool:
        """A write through the VIP: the test credential is deleted. One that is gone already is made again, which is a write as well."""
        api = replace(await self.members.login(), timeout=10)
        known = self.members.record().canary
        if known is not None and await in_thread(lambda: canary.take_out(api, known)):
            return True
        made = await in_thread(lambda: canary.make(api, self.members.secrets.generated.handoff_key))
        return await in_thread(lambda: canary.take_out(api, made))


def _votes() -> int:
    """Those of the seed's database; none where that is no member any more."""
    try:
        with galera.connect(timeout=10) as connection:
            return galera.votes(connection)
    except SeedvmError:
        return 0


def _give_up_votes() -> None:
    with galera.connect(timeout=10) as connection:
        galera.give_up_votes(connection)


_FORWARD = "on the nodes: systemctl status keepalived haproxy; keep keepalived on the seed stopped, then run again"
