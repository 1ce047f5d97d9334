"""What must be right before anything is powered or written: the machine the seed runs on, its images, its wire.

Everything is looked at before the first complaint, so that one run tells all that is wrong. It changes nothing; the one thing it
does is read the images against their digests.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from seedvm.base.capacity import free_bytes, memory_mib
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.nics import nic
from seedvm.base.waiting import TimedOut, wait_for
from seedvm.controller import handed_over
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.handoff import vip_back
from seedvm.handoff.members import Members
from seedvm.provisioning.images import ImageFiles, open_images, proofs, prove
from seedvm.provisioning.metadata import SEED_NAME
from seedvm.provisioning.ownership import Ownership, cloud_of, look, silent
from seedvm.scan.claims import claims_on
from seedvm.scan.sniff import foreign_dhcp_servers
from seedvm.site import limits
from seedvm.site.limits import Trouble

_DHCP_SECONDS = 3.0
_SILENT_SECONDS = 120.0
_ADDRESS_IN_USE = "disconnect that machine from the network, or change the address in site.yaml"
_VIP_IN_USE = (
    "find out which machine that is: an undercloud of this site that was handed over must stay connected, and no other seed may deploy "
    "the site; if it is a stranger, disconnect it or change provisioning.vip in site.yaml"
)


@dataclass(frozen=True)
class PreflightStep:
    """Machine, images and wire are fit for a deployment."""

    context: Context
    silent_seconds: float = _SILENT_SECONDS
    name: ClassVar[str] = "preflight"
    title: ClassVar[str] = "Preflight"
    stage: ClassVar[Stage] = "preflight"
    usual_seconds: ClassVar[float] = 25.0

    async def check(self) -> Verdict:
        ownership = await look(self.context, cloud_of(self.context))
        if ownership.handed_over:
            if not ownership.answers:
                return Todo("this seed has handed over, and the undercloud does not answer")
            if ownership.stranger:
                vip = self.context.site.provisioning.vip
                return Blocked(
                    f"the site's controllers serve at {vip}, and this machine has never been their seed",
                    f"if the first seed is permanently lost, take the hand-off up from the controllers: seedvm adopt {vip}",
                )
            return Done({"handed_over": True})
        try:
            files = await asyncio.to_thread(open_images, self.context.images_dir)
        except SeedvmError as error:
            return Blocked(f"{error.what}: {error.why}", error.hint)
        facts: dict[str, JSON] = {}
        troubles = await asyncio.to_thread(self._machine, files, facts, ownership.stack is not None)
        troubles += await self._wire(facts, await self._vip_of(ownership))
        if troubles:
            return Blocked("; ".join(one.what for one in troubles), "; ".join(one.cure for one in troubles))
        left = [file.path.name for file in files.every if file.path.name not in proofs(self.context.state_dir, files)]
        if left:
            return Todo(f"sha256 not verified yet: {', '.join(left)}")
        return Done({**facts, "images": {file.path.name: file.sha256 for file in files.every}})

    async def apply(self, report: Report) -> None:
        if handed_over.marked(self.context.site.name):
            await self._wait_for_undercloud(report)
            return
        files = open_images(self.context.images_dir)
        report.log("verifying the checksums of the images")
        await asyncio.to_thread(
            prove, self.context.state_dir, files, lambda done, total: report.progress(done, total, "bytes")
        )

    async def _wait_for_undercloud(self, report: Report) -> None:
        """A seed that has handed over changes nothing: it waits, and says so."""
        cloud = cloud_of(self.context)
        report.log(f"waiting for the undercloud at {cloud.access.vip}; nothing on this seed is changed")
        try:
            await wait_for(cloud.answers, seconds=self.silent_seconds, what="the undercloud does not answer")
        except TimedOut:
            raise silent(cloud.access.vip) from None

    def _machine(self, files: ImageFiles, facts: dict[str, JSON], stored: bool) -> list[Trouble]:
        """Root, disk, memory and clock of the seed."""
        troubles = []
        if os.geteuid() != 0:
            troubles.append(Trouble("the engine does not run as root", "start it with: systemctl start seedvm-engine"))
        free, memory = free_bytes(limits.STORE), memory_mib()
        facts["clock"] = datetime.now(UTC).isoformat(timespec="seconds")
        facts["disk_free_gib"], facts["memory_mib"] = round(free / 2**30, 1), memory
        found = (
            limits.disk(free, files.golden.stored, stored=stored),
            limits.memory(memory),
            limits.clock(time.time(), files.golden.path.stat().st_mtime),
        )
        troubles += [one for one in found if one is not None]
        return troubles

    async def _vip_of(self, ownership: Ownership) -> str:
        """Who holds the VIP: this seed, a node that served it while this seed was away, or nobody that we know."""
        if ownership.here:
            return SEED_NAME
        holder = await vip_back.holding(Members.of(self.context)) if ownership.configured else None
        return holder.name if holder else ""

    async def _wire(self, facts: dict[str, JSON], holder: str) -> list[Trouble]:
        """Link, doubled addresses and foreign DHCP servers on the provisioning network."""
        seed, interface = self.context.site.seed, self.context.site.seed.interface
        link = nic(interface)
        if link is None:
            return [Trouble(f"interface {interface} does not exist", "correct seed.interface in site.yaml")]
        facts["link"] = {"interface": interface, "mac": link.mac, "mbit": link.speed or None}
        if trouble := limits.link(link):
            return [trouble]
        asked = [seed.address]
        if not holder:
            asked.append(self.context.site.provisioning.vip)
        servers, claims = await asyncio.gather(
            foreign_dhcp_servers(interface, link.mac, _DHCP_SECONDS), claims_on(interface, link.mac, asked)
        )
        facts["vip"] = "free" if not holder else "held by this seed" if holder == SEED_NAME else f"held by {holder}"
        ours = {str(one) for one in (seed.address, *self.context.site.provisioning.undercloud)}
        troubles = [
            Trouble(
                f"{one.address} is already in use by {one.mac}",
                _VIP_IN_USE if one.address == str(self.context.site.provisioning.vip) else _ADDRESS_IN_USE,
            )
            for one in claims
        ]
        troubles += [
            Trouble(
                f"a foreign DHCP server answers on {interface}: {one.address} ({one.mac})",
                "switch it off on this network",
            )
            for one in servers
            if one.address not in ours
        ]
        return troubles
