"""The hand-off's OWN: the undercloud's Heat tells the nodes that the seed is no member, and the undercloud keeps its own secrets.

Nothing may be replaced or rebooted by it: ids and boots are compared with those from before, and what cannot be measured any more
becomes a doubt, never a failure. Stop the seed's own services here; it stays a member of Galera alone. There is no way back, only forward.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.controller import units
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.foreign.text import shown
from seedvm.handoff import doubts, kept
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.measure import measure
from seedvm.handoff.members import STACK, Members
from seedvm.handoff.record import Owned
from seedvm.member import verbs
from seedvm.member.launch import StopRequest
from seedvm.services.load import installed
from seedvm.site.doubts import Doubt

_UPDATE_SECONDS = 900.0
_SILENT_MINUTES = 5  # where a controller is silent the update cannot complete: no need to wait for long
_FORWARD = "find the cause with openstack stack failures list undercloud, fix the node, then run again; the hand-off cannot be undone"


@dataclass(frozen=True)
class Own:
    """The undercloud's own stack no longer names the seed; same ids, no reboot."""

    members: Members
    update_seconds: float = _UPDATE_SECONDS
    name: ClassVar[str] = "handoff-own"
    title: ClassVar[str] = "OWN: the undercloud updates itself without the seed"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 45

    async def check(self) -> Verdict:
        if not await self.members.committed():
            return Todo("the seed still holds the VIP")
        api = await self.members.login()
        stack = await in_thread(lambda: _stack(api))
        owned = self.members.record().owned
        unconfirmed = next((one for one in owned.doubts if one.name == f"stack-{STACK}"), None) if owned else None
        if not stack.omits_seed and (unconfirmed is None or stack.seed_is_member):
            return Todo(
                f"stack {STACK} is {stack.status} and {'still includes' if stack.seed_is_member else 'no longer includes'} the seed"
            )
        if lacking := await kept.lacking(self.members):
            return Todo(f"not on every node yet: {', '.join(lacking)}")
        if owned is None:
            return Todo("ids, reboots and API gaps have not been measured yet")
        if owned.doubts:
            again = await measure(self.members, api, update=None if stack.omits_seed else unconfirmed)
            if [one.key for one in again.doubts] != [one.key for one in owned.doubts]:
                return Todo("what was in doubt can be measured now: " + ", ".join(one.name for one in owned.doubts))
        return Done(
            {
                "stack": stack.status,
                "ids_changed": owned.ids_changed,
                "node_reboots": owned.node_reboots,
                "doubts": [one.name for one in owned.doubts],
            }
        )

    async def apply(self, report: Report) -> None:
        report.phase("OWN", "started")
        known = self.members.record()
        self.members.save(replace(known, began=known.begun("OWN", time.time())))
        heard = await kept.keep(self.members)
        for name, why in heard.silent.items():
            report.log(f"does not answer; the other controllers continue without it: {why}", node=name)
        api = await wait_for(self.members.login, seconds=60, what="no login through the VIP")
        async with reporting_gaps(self.members, report):
            unconfirmed = await self._update(api, tuple(heard.silent), report)
        await self._end_watch()
        owned = await measure(self.members, api, update=unconfirmed)
        self.members.save(replace(self.members.record(), owned=owned))
        self._tell(owned, report)
        await self.members.note("OWN", "done")
        told = f"{owned.ids_changed} IDs changed, {owned.node_reboots} reboots"
        report.phase("OWN", "done", f"the stack no longer includes the seed: {told}")

    async def _update(self, api: Client, silent: Sequence[str], report: Report) -> Doubt | None:
        """Update the stack unless it is so already; one that is in progress is waited for. Where controllers are silent the update
        cannot complete: that it was made is a doubt then."""

        async def rested() -> _Stack | None:
            stack = await in_thread(lambda: _stack(api))
            return stack if not stack.status.endswith("IN_PROGRESS") else None

        stack: _Stack = await wait_for(
            rested, seconds=self.update_seconds, what=f"stack {STACK} is still being changed", hint=_FORWARD
        )
        if stack.omits_seed:
            return None
        report.log(f"the undercloud's Heat updates stack {STACK}: seed_is_member=false")
        report.phase("OWN", "started", f"the undercloud's own Heat updates stack {STACK}")
        body = {
            "parameters": {"seed_is_member": False},
            "timeout_mins": _SILENT_MINUTES if silent else int(_UPDATE_SECONDS // 60),
        }
        path = f"/stacks/{STACK}/{stack.id}"

        async def begun() -> bool:
            await in_thread(lambda: api.send("PATCH", "heat", path, body))
            return True

        await wait_for(begun, seconds=60, what=f"Heat did not start the update of stack {STACK}", hint=_FORWARD)
        done: _Stack = await wait_for(
            rested, seconds=self.update_seconds, what=f"stack {STACK} was not updated", hint=_FORWARD, pause=2
        )
        if done.status.endswith("_COMPLETE"):
            return None
        if silent and not done.seed_is_member:
            return doubts.stack(STACK, silent)
        raise SeedvmError(f"the update of stack {STACK} failed", why=shown(done.reason, 400), hint=_FORWARD)

    async def _end_watch(self) -> None:
        """A node that polled and is gone now has stopped polling as well."""
        if watch := self.members.record().watch:
            with contextlib.suppress(SeedvmError, TimeoutError):
                await self.members.ask_one(self.members.node(watch.member), verbs.STOP, StopRequest("watch"))

    def _tell(self, owned: Owned, report: Report) -> None:
        report.fact("ids_changed", owned.ids_changed)
        report.fact("node_reboots", owned.node_reboots)
        report.fact("doubts", [one.name for one in owned.doubts])
        if owned.gaps:
            report.fact("handoff_longest_gap_seconds", max(gap.longest_seconds for gap in owned.gaps))
            told = ", ".join(
                f"{gap.api} {gap.longest_seconds} s ({gap.failed} of {gap.polls} polls failed)" for gap in owned.gaps
            )
            report.log(f"longest gaps: {told}")
        for one in owned.doubts:
            report.log(f"doubt {one}: {one.why}", node=one.machine or None)


@dataclass(frozen=True)
class _Stack:
    """The undercloud's stack."""

    id: str
    status: str
    reason: str
    seed_is_member: bool

    @property
    def omits_seed(self) -> bool:
        """Whole, and no longer naming the seed."""
        return not self.seed_is_member and self.status.endswith("_COMPLETE")


def _stack(api: Client) -> _Stack:
    listed = api.list_all("heat", f"/stacks?name={STACK}", "stacks")
    if not listed:
        raise SeedvmError(f"the stack {STACK} does not exist", hint="openstack stack list")
    stack = api.get("heat", f"/stacks/{STACK}/{listed[0].text('id')}?resolve_outputs=false").item("stack")
    return _Stack(
        id=stack.text("id"),
        status=stack.text("stack_status"),
        reason=stack.text("stack_status_reason", ""),
        seed_is_member=str(stack.item("parameters").tree.get("seed_is_member", "true")).lower() != "false",
    )


@dataclass(frozen=True)
class Retire:
    """The seed's own services are off; it is a member of Galera and nothing else."""

    members: Members
    name: ClassVar[str] = "handoff-retire"
    title: ClassVar[str] = "Stop the seed's own services"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 8

    async def check(self) -> Verdict:
        if not await self.members.committed():
            return Todo("the seed still holds the VIP")
        servers, workers = installed().units("server"), installed().units("worker")
        running = await units.active((*servers, *workers))
        if running:
            return Todo(f"still running on the seed: {', '.join(running)}")
        return Done({"stopped": len(servers)})

    async def apply(self, report: Report) -> None:
        servers, workers = installed().units("server"), installed().units("worker")
        async with asyncio.TaskGroup() as group:
            group.create_task(units.stop((*workers, *servers), grace=30))
            group.create_task(units.disable((*servers, *workers)))
        report.log("the seed's services are stopped; its database is still a member of the cluster")
