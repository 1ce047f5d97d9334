"""The hand-off's REHEARSE: the undercloud works alone while the seed is mute.

A rehearsal that fails says which part and why; from here the hand-off only goes forward.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.first import first
from seedvm.base.item import Item
from seedvm.base.json_tree import JSON
from seedvm.base.waiting import wait_for
from seedvm.cloud import ironic
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import services
from seedvm.handoff.members import STACK, Members
from seedvm.handoff.services import ListedImage
from seedvm.member import launch, verbs
from seedvm.member.hold import HolderRequest
from seedvm.member.launch import LaunchRequest
from seedvm.member.mute import MuteRequest
from seedvm.member.rehearse import Part, Rehearsal, RehearsalRequest, RehearseRequest
from seedvm.member.work import ServedImage, SpareStack
from seedvm.site.doubts import Doubt, accepted, open_of

SPARE_STACK = "spare"
_SILENT_SECONDS = 900.0
_SERVED_IMAGE = "kernel"
_AVAILABLE = "provision_state=available&fields=uuid,name"
_POWER = "fields=uuid,name,power_state,maintenance,last_error"
_ACTIVE = "provision_state=active&fields=instance_uuid,extra"


@dataclass(frozen=True)
class Rehearse:
    """The undercloud has done its own work while not a frame left the seed."""

    members: Members
    name: ClassVar[str] = "handoff-rehearse"
    title: ClassVar[str] = "REHEARSE: the seed is mute, the undercloud works alone"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 150

    async def check(self) -> Verdict:
        if not await self.members.committed():
            return Todo("the seed still holds the VIP")
        if await in_thread(lambda: launch.running("mute")):
            return Todo("the seed is mute, the rehearsal is running")
        passed = [one for one in await self._rehearsals() if one.passed]
        if not passed:
            return Todo("no rehearsal has passed")
        if again := await self._answers_now(passed[0].doubts):
            return Todo(f"{', '.join(again)} can be asked for its power now")
        return Done({"member": passed[0].member, "parts": {name: part.said for name, part in passed[0].parts.items()}})

    async def apply(self, report: Report) -> None:
        report.phase("REHEARSE", "started")
        known = self.members.record()
        self.members.save(replace(known, began=known.begun("REHEARSE", time.time())))
        if not await in_thread(lambda: launch.running("mute")):
            await self._begin(report)
        await self._wait(report)
        token = self.members.record().rehearsal_token
        told = [one for one in await self._told() if token and one.token == token]
        if not told:
            raise SeedvmError(
                "the rehearsal reported no verdict", why=f"none within {_SILENT_SECONDS:g} s of silence", hint=_AGAIN
            )
        outcome = told[0]
        for name, part in outcome.parts.items():
            report.log(f"{name}: {part.said} ({part.seconds} s)", node=outcome.member)
        if not outcome.passed:
            report.phase("REHEARSE", "failed", outcome.why)
            raise SeedvmError(
                "the undercloud cannot work alone yet",
                machine=outcome.member,
                why=outcome.why,
                hint=_AGAIN,
            )
        self.members.save(replace(self.members.record(), rehearsal=outcome))
        for doubt in outcome.doubts:
            report.log(f"doubt {doubt}: {doubt.why}", node=doubt.machine)
        await self._tell_of_spare(outcome.parts, report)
        report.phase(
            "REHEARSE",
            "done",
            f"{outcome.member} passed {len(outcome.parts)} tests without the seed: {', '.join(outcome.parts)}",
        )

    async def _begin(self, report: Report) -> None:
        asked = HolderRequest(self.members.vip)
        heard = await self.members.hear_most(verbs.HOLDER, lambda _: asked)
        holders = [node for node in self.members.nodes if node.name in heard.said and heard.said[node.name].holds_vip]
        member = next(iter(holders), None)
        if member is None:
            raise SeedvmError("no node holds the VIP", hint="on the nodes: systemctl status keepalived")
        token = secrets.token_hex(8)
        request = await self._request(member, token, tuple(heard.silent))
        self.members.save(replace(self.members.record(), rehearsal_token=token))
        await self.members.ask_one(member, verbs.LAUNCH, LaunchRequest("rehearse", _SILENT_SECONDS + 60, request))
        silence = LaunchRequest("mute", _SILENT_SECONDS + 30, MuteRequest(request.handoff_key, token, _SILENT_SECONDS))
        report.phase(
            "REHEARSE", "started", f"the seed is mute; {member.name} works alone and will broadcast its verdict"
        )
        report.log("the seed is being muted; it sends nothing until it hears the verdict", node=member.name)
        await in_thread(lambda: launch.launch(silence))

    async def _request(self, member: SshHost, token: str, silent: tuple[str, ...]) -> RehearseRequest:
        site, generated = self.members.site, self.members.secrets.generated
        api = await self.members.login()
        compared = self.members.record().compared
        images = compared.images if compared else await in_thread(lambda: services.images(api))
        if not images:
            raise SeedvmError(
                "there is no image for the rehearsal", why="Glance lists none", hint="openstack image list"
            )
        kernel = next((one for one in images if _SERVED_IMAGE in one.name), min(images, key=lambda one: one.size))
        return RehearseRequest(
            token=token,
            member=member.name,
            address=member.address,
            vip=self.members.vip,
            seed=self.members.seed.address,
            broadcast=str(site.provisioning.cidr.broadcast_address),
            admin_password=generated.admin_password,
            handoff_key=generated.handoff_key,
            stack=STACK,
            image=ServedImage(kernel.id, kernel.name, kernel.size, kernel.sha512),
            spare=await self._spare(images),
            seconds=_SILENT_SECONDS - 120,
            silent=silent,
        )

    async def _spare(self, images: Sequence[ListedImage]) -> SpareStack | None:
        """The stack for a machine that is free, or None where the site has none or does not want it."""
        if not self.members.site.undercloud.rehearse_on_spare:
            return None
        api = await self.members.login()
        free = await in_thread(lambda: api.list_all("ironic", f"/nodes?{_AVAILABLE}", "nodes"))
        begun = await in_thread(lambda: api.list_all("heat", f"/stacks?name={SPARE_STACK}", "stacks"))
        keys = await in_thread(lambda: api.list_all("nova", "/os-keypairs", "keypairs"))
        if not free and not begun:  # one that was begun by an earlier rehearsal is gone through with
            return None
        golden = max(images, key=lambda one: one.size)
        key_name = first(keys, "Nova has no key pair").item("keypair").text("name")
        template = spare_template(golden.id, key_name, self.members.site.name)
        return SpareStack(SPARE_STACK, "spare-0", template, self.members.secrets.generated.ssh_private_key)

    async def _wait(self, report: Report) -> None:
        began = time.monotonic()

        async def heard() -> bool:
            report.progress(min(time.monotonic() - began, _SILENT_SECONDS), _SILENT_SECONDS, "s of silence at most")
            return not await in_thread(lambda: launch.running("mute"))

        await wait_for(
            heard,
            seconds=_SILENT_SECONDS + 60,
            what="the seed is still muted",
            hint="check nft list ruleset",
            pause=2,
        )
        report.log("the seed is no longer muted")

    async def _answers_now(self, doubts: Sequence[Doubt]) -> list[str]:
        """The machines whose power was not read, that Ironic reads now; one that the operator accepted is not asked for again."""
        known = self.members.record()
        left = open_of(doubts, accepted(self.members.state_dir), known.attempt)
        if not left:
            return []
        api = await self.members.login()
        now = await in_thread(lambda: api.list_all("ironic", f"/nodes?{_POWER}", "nodes"))
        well = {
            one.text("name", "") or one.text("uuid")
            for one in now
            if one.text("power_state", "") in ("power on", "power off")
            and not one.flag("maintenance")
            and not one.text("last_error", "")
        }
        return [one.machine for one in left if one.machine in well]

    async def _rehearsals(self) -> tuple[Rehearsal, ...]:
        """As the nodes keep them, and the one that was heard of: its node may be silent now."""
        heard = await self.members.ask_most(verbs.REHEARSAL, RehearsalRequest())
        own = self.members.record().rehearsal
        return (*heard.values(), *((own,) if own else ()))

    async def _told(self) -> tuple[Rehearsal, ...]:
        """Every member's last rehearsal; asked until the nodes answer the seed again."""
        silent = "the nodes do not answer the seed after the rehearsal"
        said: tuple[Rehearsal, ...] = await wait_for(self._rehearsals, seconds=60, what=silent, hint=_AGAIN)
        return said

    async def _tell_of_spare(self, parts: Mapping[str, Part], report: Report) -> None:
        """That the machine which the rehearsal deployed is active: nobody could tell of it while the seed was mute."""
        if "spare deployed" not in parts:
            return

        async def deployed() -> tuple[Item, ...]:
            api = await self.members.login()
            return await in_thread(lambda: api.list_all("ironic", f"/nodes?{_ACTIVE}", "nodes"))

        found = await wait_for(
            deployed, seconds=60, what="the VIP does not answer the seed after the rehearsal", hint=_AGAIN
        )
        for node in found:
            if node.text("instance_uuid", "nobody's") in parts["spare deployed"].said:
                report.node(node.item("extra").text(ironic.BMC), "active", detail="deployed by the undercloud alone")


_AGAIN = "keep the seed running, fix what is named, then run again; the undercloud owns the VIP"


def spare_template(image: str, key_name: str, site: str) -> Mapping[str, JSON]:
    """A Heat template for one machine on the golden image with a port of its own."""
    port: dict[str, JSON] = {"network": "provisioning", "binding:vnic_type": "baremetal"}
    server: dict[str, JSON] = {
        "name": "spare-0",
        "image": image,
        "flavor": "baremetal",
        "key_name": key_name,
        "networks": [{"port": {"get_resource": "port"}}],
        "config_drive": True,
        "user_data_format": "RAW",
        "metadata": {"seedvm_site": site},
    }
    resources: dict[str, JSON] = {
        "port": {"type": "OS::Neutron::Port", "properties": port},
        "server": {"type": "OS::Nova::Server", "properties": server},
    }
    return {
        "heat_template_version": "2021-04-16",
        "description": "A machine deployed by the undercloud alone.",
        "resources": resources,
    }
