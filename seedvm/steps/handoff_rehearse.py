"""The hand-off's REHEARSE: the undercloud works alone while the seed is mute.

A rehearsal that fails says which part and why; from here the hand-off only goes forward.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud import ironic
from seedvm.cloud.ssh import Machine
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff.members import STACK, Reach
from seedvm.member import launch

SPARE_STACK = "spare"
_SILENT_SECONDS = 900.0
_SERVED_IMAGE = "kernel"


@dataclass(frozen=True)
class Rehearse:
    """The undercloud has done its own work while not a frame left the seed."""

    reach: Reach
    name: ClassVar[str] = "handoff-rehearse"
    title: ClassVar[str] = "REHEARSE: the seed is mute, the undercloud works alone"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 150

    async def check(self) -> Verdict:
        if not await self.reach.committed():
            return Todo("the VIP is the seed's")
        if await asyncio.to_thread(launch.running, "mute"):
            return Todo("the seed is mute, the rehearsal goes on")
        passed = [one for one in (await self.reach.ask("rehearsal", {})).values() if one.get("passed")]
        if not passed:
            return Todo("no rehearsal has passed")
        return Done(
            {"member": passed[0]["member"], "parts": {name: part["said"] for name, part in passed[0]["parts"].items()}}
        )

    async def apply(self, report: Report) -> None:
        report.phase("REHEARSE", "started")
        times = self.reach.notes().get("times", {})
        self.reach.take_note(times={**times, "REHEARSE": times.get("REHEARSE") or time.time()})
        if not await asyncio.to_thread(launch.running, "mute"):
            await self._begin(report)
        await self._wait(report)
        told = [
            one
            for one in (await self._told()).values()
            if one.get("token") == self.reach.notes().get("rehearsal_token")
        ]
        if not told:
            raise SeedvmError(
                "the rehearsal gave no verdict", why=f"none within {_SILENT_SECONDS:g} s of silence", hint=_AGAIN
            )
        outcome = told[0]
        for name, part in outcome["parts"].items():
            report.log(f"{name}: {part['said']} ({part['seconds']} s)", node=outcome["member"])
        if not outcome["passed"]:
            report.phase("REHEARSE", "failed", str(outcome["why"]))
            raise SeedvmError(
                "the undercloud cannot do its work alone yet",
                machine=outcome["member"],
                why=outcome["why"],
                hint=_AGAIN,
            )
        self.reach.take_note(rehearsal=outcome)
        await self._tell_of_spare(outcome["parts"], report)
        report.phase(
            "REHEARSE",
            "done",
            f"{outcome['member']} did {len(outcome['parts'])} things alone: {', '.join(outcome['parts'])}",
        )

    async def _begin(self, report: Report) -> None:
        holders = {
            name: said["holds_vip"] for name, said in (await self.reach.ask("holder", {"vip": self.reach.vip})).items()
        }
        member = next((node for node in self.reach.nodes if holders[node.name]), None)
        if member is None:
            raise SeedvmError("no node holds the VIP", hint="on the nodes: systemctl status keepalived")
        token = secrets.token_hex(8)
        request = await self._request(member, token)
        self.reach.take_note(rehearsal_token=token)
        await self.reach.ssh.verb(
            member, "launch", {"verb": "rehearse", "seconds": _SILENT_SECONDS + 60, "request": request}
        )
        silence = {"handoff_key": request["handoff_key"], "token": token, "seconds": _SILENT_SECONDS}
        report.phase(
            "REHEARSE", "started", f"the seed is mute; {member.name} works alone and will broadcast its verdict"
        )
        report.log(
            "the seed falls silent now; nothing leaves its interfaces until the verdict is heard", node=member.name
        )
        await asyncio.to_thread(launch.launch, {"verb": "mute", "seconds": _SILENT_SECONDS + 30, "request": silence})

    async def _request(self, member: Machine, token: str) -> dict[str, Any]:
        site, generated = self.reach.site, self.reach.secrets.generated
        images = self.reach.notes()["compare"]["image_list"]
        kernel = next(
            (one for one in images if _SERVED_IMAGE in one["name"]), min(images, key=lambda one: int(one["size"]))
        )
        return {
            "token": token,
            "member": member.name,
            "address": member.address,
            "vip": self.reach.vip,
            "seed": self.reach.seed.address,
            "broadcast": str(site.provisioning.cidr.broadcast_address),
            "admin_password": generated.admin_password.reveal(),
            "handoff_key": generated.handoff_key.reveal(),
            "stack": STACK,
            "image": kernel,
            "spare": await self._spare(images),
            "seconds": _SILENT_SECONDS - 120,
        }

    async def _spare(self, images: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The stack for a machine that is free, or None where the site has none or does not want it."""
        if not self.reach.site.undercloud.rehearse_on_spare:
            return None
        api = await self.reach.login()
        nodes = await asyncio.to_thread(
            api.get, "ironic", "/v1/nodes?provision_state=available&fields=uuid,name,resource_class"
        )
        begun = await asyncio.to_thread(api.get, "heat", f"/v1/{api.project}/stacks?name={SPARE_STACK}")
        keys = await asyncio.to_thread(api.get, "nova", "/v2.1/os-keypairs")
        if (
            not nodes["nodes"] and not begun["stacks"]
        ):  # one that was begun by an earlier rehearsal is gone through with
            return None
        golden = max(images, key=lambda one: int(one["size"]))
        return {
            "stack": SPARE_STACK,
            "server": "spare-0",
            "template": spare_template(golden["id"], keys["keypairs"][0]["keypair"]["name"], self.reach.site.name),
        }

    async def _wait(self, report: Report) -> None:
        began = time.monotonic()

        async def heard() -> bool:
            report.progress(min(time.monotonic() - began, _SILENT_SECONDS), _SILENT_SECONDS, "s of silence at the most")
            return not await asyncio.to_thread(launch.running, "mute")

        await wait_for(
            heard,
            seconds=_SILENT_SECONDS + 60,
            what="the seed's silence does not end",
            hint="nft list ruleset",
            pause=2,
        )
        report.log("the seed may be heard again")

    async def _told(self) -> dict[str, Any]:
        """Every member's last rehearsal; asked until the nodes answer the seed again."""

        async def answered() -> Any:
            return await self.reach.ask("rehearsal", {})

        return dict(
            await wait_for(answered, seconds=60, what="the nodes do not answer the seed after its silence", hint=_AGAIN)
        )

    async def _tell_of_spare(self, parts: Mapping[str, Any], report: Report) -> None:
        """That the machine which the rehearsal deployed is active: nobody could tell of it while the seed was mute."""
        if "spare deployed" not in parts:
            return

        async def deployed() -> Any:
            api = await self.reach.login()
            return await asyncio.to_thread(
                api.get, "ironic", "/v1/nodes?provision_state=active&fields=instance_uuid,extra"
            )

        found = await wait_for(
            deployed, seconds=60, what="the VIP does not answer the seed after its silence", hint=_AGAIN
        )
        for node in found["nodes"]:
            if str(node["instance_uuid"]) in parts["spare deployed"]["said"]:
                report.node(str(node["extra"][ironic.BMC]), "active", detail="deployed by the undercloud alone")


_AGAIN = "the undercloud owns the VIP, the seed must stay: mend what is named, then run again"


def spare_template(image: str, key_name: str, site: str) -> dict[str, Any]:
    """A Heat template for one machine on the golden image with a port of its own."""
    port = {"network": "provisioning", "binding:vnic_type": "baremetal"}
    server = {
        "name": "spare-0",
        "image": image,
        "flavor": "baremetal",
        "key_name": key_name,
        "networks": [{"port": {"get_resource": "port"}}],
        "config_drive": True,
        "user_data_format": "RAW",
        "metadata": {"seedvm_site": site},
    }
    resources = {
        "port": {"type": "OS::Neutron::Port", "properties": port},
        "server": {"type": "OS::Nova::Server", "properties": server},
    }
    return {
        "heat_template_version": "2021-04-16",
        "description": "A machine deployed by the undercloud alone.",
        "resources": resources,
    }
