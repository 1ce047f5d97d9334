"""The hand-off's OWN: the undercloud's Heat tells the nodes that the seed is no member, and the undercloud keeps its own secrets.

Nothing may be replaced, rebooted or renamed by it: ids and boots are compared with those from before. Stop the seed's own services
here; it stays a member of Galera alone. There is no way back, only forward.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import CloudAccess
from seedvm.controller import units
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo, Verdict
from seedvm.handoff import services
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.members import STACK, Members
from seedvm.handoff.record import Owned, VipWatch
from seedvm.member import verbs
from seedvm.member.launch import StopRequest
from seedvm.member.notes import KeepRequest, KeptRequest
from seedvm.member.watch import Gap, GapsRequest
from seedvm.services.load import installed

KEPT = ("site.yaml", "secrets.yaml", "inventory.json", "review.json")
_UPDATE_SECONDS = 900.0
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
        stack = await asyncio.to_thread(_stack, api)
        if not stack.omits_seed:
            return Todo(
                f"stack {STACK} is {stack.status} and {'still includes' if stack.seed_is_member else 'no longer includes'} the seed"
            )
        if lacking := await self._lacking():
            return Todo(f"not on every node yet: {', '.join(lacking)}")
        owned = self.members.record().owned
        if owned is None:
            return Todo("ids, reboots and API gaps have not been measured yet")
        if owned.ids_changed:
            return Blocked(
                f"the hand-off changed {owned.ids_changed} IDs",
                "do not let the seed leave; compare the IDs in handoff.json",
            )
        return Done({"stack": stack.status, "ids_changed": owned.ids_changed, "node_reboots": owned.node_reboots})

    async def apply(self, report: Report) -> None:
        report.phase("OWN", "started")
        known = self.members.record()
        self.members.save(replace(known, began=known.begun("OWN", time.time())))
        await self.members.ask(verbs.KEEP, KeepRequest(self._files()))
        api = await wait_for(self.members.login, seconds=60, what="no login through the VIP")
        async with reporting_gaps(self.members, report):
            await self._update(api, report)
        owned = await self._measure(api, report)
        await self.members.note("OWN", "done")
        told = f"{owned.ids_changed} IDs changed, {owned.node_reboots} reboots"
        report.phase("OWN", "done", f"the stack no longer includes the seed: {told}")

    async def _update(self, api: Client, report: Report) -> None:
        """Update the stack unless it is so already; one that is in progress is waited for."""

        async def rested() -> _Stack | None:
            stack = await asyncio.to_thread(_stack, api)
            return stack if not stack.status.endswith("IN_PROGRESS") else None

        stack: _Stack = await wait_for(
            rested, seconds=self.update_seconds, what=f"stack {STACK} is still being changed", hint=_FORWARD
        )
        if stack.omits_seed:
            return
        report.log(f"the undercloud's Heat updates stack {STACK}: seed_is_member=false")
        report.phase("OWN", "started", f"the undercloud's own Heat updates stack {STACK}")
        body = {"parameters": {"seed_is_member": False}, "timeout_mins": int(_UPDATE_SECONDS // 60)}
        path = f"/stacks/{STACK}/{stack.id}"

        async def begun() -> bool:
            await asyncio.to_thread(api.send, "PATCH", "heat", path, body)
            return True

        await wait_for(begun, seconds=60, what=f"Heat did not start the update of stack {STACK}", hint=_FORWARD)
        done: _Stack = await wait_for(
            rested, seconds=self.update_seconds, what=f"stack {STACK} was not updated", hint=_FORWARD, pause=2
        )
        if not done.status.endswith("_COMPLETE"):
            raise SeedvmError(f"the update of stack {STACK} failed", why=done.reason[:400], hint=_FORWARD)

    async def _measure(self, api: Client, report: Report) -> Owned:
        known = self.members.record()
        if known.quiesced is None or known.watch is None:
            raise SeedvmError(
                "the hand-off cannot be measured",
                why="handoff.json has no result of QUIESCE or FENCE",
                hint="restore handoff.json in the state folder from a copy, then run again",
            )
        after = await self._ids(api)
        changed = services.changed(known.quiesced.ids, after)
        booted = {name: said.booted for name, said in (await self.members.status("holds_vip")).items()}
        reboots = sum(known.quiesced.booted.get(name) != value for name, value in booted.items())
        gaps = await self._gaps(known.watch)
        longest = max(gap.longest_seconds for gap in gaps)
        owned = Owned(after, len(changed), reboots, gaps)
        self.members.save(replace(self.members.record(), owned=owned))
        report.fact("ids_changed", len(changed))
        report.fact("node_reboots", reboots)
        report.fact("handoff_longest_gap_seconds", longest)
        told = ", ".join(
            f"{gap.api} {gap.longest_seconds} s ({gap.failed} of {gap.polls} polls failed)" for gap in gaps
        )
        report.log(f"longest gaps: {told}")
        if changed:
            raise SeedvmError(
                "the hand-off changed IDs",
                why=", ".join(changed[:8]),
                hint="do not let the seed leave; check the stack",
            )
        return owned

    async def _ids(self, api: Client) -> services.Ids:
        """The ids of now. Asked again when a service that has just begun to serve fails its first request, as Neutron may."""

        async def listed() -> services.Ids:
            return await asyncio.to_thread(services.ids, api)

        ids: services.Ids = await wait_for(listed, seconds=60, what="the services do not list their resources")
        return ids

    async def _gaps(self, watch: VipWatch) -> tuple[Gap, ...]:
        watcher = self.members.node(watch.member)
        await self.members.ask_one(watcher, verbs.STOP, StopRequest("watch"))
        return await self.members.ask_one(watcher, verbs.GAPS, GapsRequest(watch.since))

    def _files(self) -> dict[str, str]:
        """What the undercloud must know of itself from now on. All of it arrives 0600."""
        folder = self.members.state_dir
        found = {name: (folder / name).read_text() for name in KEPT if (folder / name).is_file()}
        access = CloudAccess(self.members.vip, self.members.secrets.generated.admin_password)
        key = self.members.secrets.generated.ssh_private_key.reveal()
        return {
            **found,
            "clouds.yaml": yaml.safe_dump(access.clouds(), sort_keys=False),
            "site_key": key.rstrip("\n") + "\n",
        }

    async def _lacking(self) -> list[str]:
        """Names of files that some node does not keep."""
        names = [*(name for name in KEPT if (self.members.state_dir / name).is_file()), "clouds.yaml", "site_key"]
        kept = await self.members.ask(verbs.KEPT, KeptRequest(tuple(names)))
        return sorted({name for files in kept.values() for name in names if name not in files})


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
