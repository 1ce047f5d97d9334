"""The hand-off's OWN: the undercloud's Heat tells the nodes that the seed is no member, and the undercloud keeps its own secrets.

Nothing may be replaced, rebooted or renamed by it: ids and boots are compared with those from before. The seed's own services end
here; it stays a member of Galera alone. There is no way back, only forward.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.api import Api
from seedvm.cloud.connection import Access
from seedvm.controller import units
from seedvm.controller.service_units import SERVICES, WORKERS
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo, Verdict
from seedvm.handoff import services
from seedvm.handoff.live import told_live
from seedvm.handoff.members import STACK, Reach

KEPT = ("site.yaml", "secrets.yaml", "inventory.json", "review.json")
_UPDATE_SECONDS = 900.0
_FORWARD = "openstack stack failures list undercloud; the road goes forward: mend the node, then run again"


@dataclass(frozen=True)
class Own:
    """The undercloud's own stack no longer names the seed; same ids, no reboot."""

    reach: Reach
    name: ClassVar[str] = "handoff-own"
    title: ClassVar[str] = "OWN: the undercloud updates itself without the seed"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 45

    async def check(self) -> Verdict:
        if not await self.reach.committed():
            return Todo("the VIP is the seed's")
        api = await self.reach.login()
        stack = await asyncio.to_thread(_stack, api)
        if stack["seed_is_member"] or not stack["status"].endswith("_COMPLETE"):
            return Todo(
                f"stack {STACK} is {stack['status']} and {'still names' if stack['seed_is_member'] else 'omits'} the seed"
            )
        if lacking := await self._lacking():
            return Todo(f"not kept by every node yet: {', '.join(lacking)}")
        notes = self.reach.notes()
        if "ids_changed" not in notes or "gaps" not in notes:
            return Todo("ids, boots and gaps are not measured yet")
        if notes["ids_changed"]:
            return Blocked(
                f"the hand-off changed {notes['ids_changed']} ids",
                "do not let the seed leave; compare the ids in handoff.json",
            )
        return Done(
            {"stack": stack["status"], "ids_changed": notes["ids_changed"], "node_reboots": notes["node_reboots"]}
        )

    async def apply(self, report: Report) -> None:
        report.phase("OWN", "started")
        times = self.reach.notes().get("times", {})
        self.reach.take_note(times={**times, "OWN": times.get("OWN") or time.time()})
        await self.reach.ask("keep", {"files": self._files()})
        api = await wait_for(self.reach.login, seconds=60, what="no login through the VIP")
        async with told_live(self.reach, report):
            await self._update(api, report)
        await self._measure(api, report)
        await self.reach.record("OWN", "done")
        notes = self.reach.notes()
        told = f"{notes['ids_changed']} ids changed, {notes['node_reboots']} reboots"
        report.phase("OWN", "done", f"the stack no longer names the seed: {told}")

    async def _update(self, api: Api, report: Report) -> None:
        """Update the stack unless it is so already; one that is in progress is waited for."""

        async def rested() -> Any:
            stack = await asyncio.to_thread(_stack, api)
            return stack if not stack["status"].endswith("IN_PROGRESS") else None

        stack = await wait_for(
            rested, seconds=_UPDATE_SECONDS, what=f"stack {STACK} does not come to rest", hint=_FORWARD
        )
        if not stack["seed_is_member"] and stack["status"].endswith("_COMPLETE"):
            return
        report.log(f"the undercloud's Heat updates stack {STACK}: seed_is_member=false")
        report.phase("OWN", "started", f"the undercloud's own Heat updates stack {STACK}")
        body = {"parameters": {"seed_is_member": False}, "timeout_mins": int(_UPDATE_SECONDS // 60)}
        path = f"/v1/{api.project}/stacks/{STACK}/{stack['id']}"

        async def begun() -> bool:
            await asyncio.to_thread(api.send, "PATCH", "heat", path, body)
            return True

        await wait_for(begun, seconds=60, what=f"Heat does not take the update of stack {STACK}", hint=_FORWARD)
        done = await wait_for(
            rested, seconds=_UPDATE_SECONDS, what=f"stack {STACK} is not updated", hint=_FORWARD, pause=2
        )
        if not done["status"].endswith("_COMPLETE"):
            raise SeedvmError(f"the update of stack {STACK} failed", why=done["reason"][:400], hint=_FORWARD)

    async def _measure(self, api: Api, report: Report) -> None:
        notes = self.reach.notes()
        after = await self._ids(api)
        changed = services.changed(notes["ids_before"], after)
        booted = {name: said["booted"] for name, said in (await self.reach.status("holds_vip")).items()}
        reboots = sum(notes["booted_before"].get(name) != value for name, value in booted.items())
        gaps = await self._gaps(notes)
        longest = max(float(gap["longest_seconds"]) for gap in gaps)
        self.reach.take_note(ids_after=after, ids_changed=len(changed), node_reboots=reboots, gaps=gaps)
        report.fact("ids_changed", len(changed))
        report.fact("node_reboots", reboots)
        report.fact("handoff_longest_gap_seconds", longest)
        told = ", ".join(
            f"{gap['api']} {gap['longest_seconds']} s ({gap['failed']} of {gap['polls']} polls failed)" for gap in gaps
        )
        report.log(f"longest gaps: {told}")
        if changed:
            raise SeedvmError(
                "the hand-off changed ids",
                why=", ".join(changed[:8]),
                hint="do not let the seed leave; look at the stack",
            )

    async def _ids(self, api: Api) -> Mapping[str, Mapping[str, str]]:
        """The ids of now. Asked again when a service that has just begun to serve fails its first request, as Neutron may."""

        async def told() -> services.Ids:
            return await asyncio.to_thread(services.ids, api)

        return dict((await wait_for(told, seconds=60, what="the services do not list what they have")).kinds)

    async def _gaps(self, notes: Mapping[str, Any]) -> list[dict[str, Any]]:
        watch = notes["watch"]
        watcher = self.reach.node(watch["member"])
        await self.reach.ssh.verb(watcher, "stop", {"verb": "watch"})
        return list(await self.reach.ssh.verb(watcher, "gaps", {"since": watch["since"]}))

    def _files(self) -> dict[str, str]:
        """What the undercloud must know of itself from now on. All of it arrives 0600."""
        folder = self.reach.state_dir
        found = {name: (folder / name).read_text() for name in KEPT if (folder / name).is_file()}
        access = Access(self.reach.vip, self.reach.secrets.generated.admin_password)
        key = self.reach.secrets.generated.ssh_private_key.reveal()
        return {
            **found,
            "clouds.yaml": yaml.safe_dump(access.clouds(), sort_keys=False),
            "site_key": key.rstrip("\n") + "\n",
        }

    async def _lacking(self) -> list[str]:
        """Names of files that some node does not keep."""
        names = [*(name for name in KEPT if (self.reach.state_dir / name).is_file()), "clouds.yaml", "site_key"]
        kept = await self.reach.ask("kept", {"names": names})
        return sorted({name for files in kept.values() for name in names if name not in files})


def _stack(api: Api) -> dict[str, Any]:
    """The undercloud's stack: id, status, reason, seed_is_member."""
    listed = api.get("heat", f"/v1/{api.project}/stacks?name={STACK}")["stacks"]
    if not listed:
        raise SeedvmError(f"there is no stack {STACK}", hint="openstack stack list")
    stack = api.get("heat", f"/v1/{api.project}/stacks/{STACK}/{listed[0]['id']}?resolve_outputs=false")["stack"]
    return {
        "id": stack["id"],
        "status": str(stack["stack_status"]),
        "reason": str(stack["stack_status_reason"]),
        "seed_is_member": str(stack["parameters"].get("seed_is_member", "true")).lower() != "false",
    }


@dataclass(frozen=True)
class Retire:
    """The seed's own services are off; it is a member of Galera and nothing else."""

    reach: Reach
    name: ClassVar[str] = "handoff-retire"
    title: ClassVar[str] = "The seed's own services end"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 8

    async def check(self) -> Verdict:
        if not await self.reach.committed():
            return Todo("the VIP is the seed's")
        running = await units.active(SERVICES)
        if running:
            return Todo(f"still running on the seed: {', '.join(running)}")
        return Done({"stopped": len(SERVICES)})

    async def apply(self, report: Report) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(units.stop(SERVICES, grace=30))
            group.create_task(units.disable((*SERVICES, *WORKERS)))
        report.log("the seed serves nothing any more; its database is still a member")
