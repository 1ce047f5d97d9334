"""What must be right before anything is powered or written: the machine the seed runs on, its images, its wire.

Everything is looked at before the first complaint, so that one run tells all that is wrong. It changes nothing; the one thing it
does is read the images against their digests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.controller import vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import JSON, Blocked, Context, Done, Report, Todo, Verdict
from seedvm.provisioning.images import ImageFiles, open_images, proofs, prove
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.scan.sniff import foreign_dhcp_servers, tap
from seedvm.wire.arp import Claim, claim, probe

MEMORY_MIB = 3500
SPARE_BYTES = 2 << 30
SLOWEST_MBIT = 100
_STORE = Path("/var/lib/glance")  # on the state partition, as everything large
_DHCP_SECONDS = 3.0
_ARP_SECONDS = 2.0
_CLOCK_SLACK = 86400.0


@dataclass(frozen=True)
class Trouble:
    """What is wrong and what the operator does about it."""

    what: str
    cure: str


@dataclass(frozen=True)
class PreflightStep:
    """Machine, images and wire are fit for the road."""

    context: Context
    name: ClassVar[str] = "preflight"
    title: ClassVar[str] = "Preflight"
    stage: ClassVar[Stage] = "preflight"
    usual_seconds: ClassVar[float] = 25.0

    async def check(self) -> Verdict:
        standing = await look(self.context, cloud_of(self.context))
        if standing.handed_over:
            return Done({"handed_over": True})
        try:
            files = await asyncio.to_thread(open_images, self.context.images_dir)
        except SeedvmError as error:
            return Blocked(f"{error.what}: {error.why}", error.hint)
        facts: dict[str, JSON] = {}
        troubles = await asyncio.to_thread(self._machine, files, facts, standing.stack is not None)
        troubles += await self._wire(facts)
        if troubles:
            return Blocked("; ".join(one.what for one in troubles), "; ".join(one.cure for one in troubles))
        left = [file.path.name for file in files.every if file.path.name not in proofs(self.context.state_dir, files)]
        if left:
            return Todo(f"not yet compared with its sha256: {', '.join(left)}")
        return Done({**facts, "images": {file.path.name: file.sha256 for file in files.every}})

    async def apply(self, report: Report) -> None:
        files = open_images(self.context.images_dir)
        report.log("comparing the images with their digests")
        await asyncio.to_thread(
            prove, self.context.state_dir, files, lambda done, total: report.progress(done, total, "bytes")
        )

    def _machine(self, files: ImageFiles, facts: dict[str, JSON], stored: bool) -> list[Trouble]:
        """Root, disk, memory and clock of the seed."""
        troubles = []
        if os.geteuid() != 0:
            troubles.append(Trouble("the engine does not run as root", "start it by the unit seedvm-engine.service"))
        free = shutil.disk_usage(_STORE if _STORE.exists() else Path("/")).free
        needed = SPARE_BYTES if stored else 2 * files.golden.stored + SPARE_BYTES
        facts["disk_free_gib"], facts["memory_mib"] = round(free / 2**30, 1), memory_mib()
        if free < needed:
            troubles.append(
                Trouble(
                    f"{free / 2**30:.1f} GiB free in {_STORE}, {needed / 2**30:.1f} GiB needed",
                    "give the seed a larger disk",
                )
            )
        if memory_mib() < MEMORY_MIB:
            troubles.append(Trouble(f"the seed has {memory_mib()} MiB of memory", f"give it {MEMORY_MIB} MiB or more"))
        built = files.golden.path.stat().st_mtime
        if time.time() < built - _CLOCK_SLACK:
            troubles.append(
                Trouble("the clock is earlier than the images were built", "set the clock: timedatectl set-time")
            )
        return troubles

    async def _wire(self, facts: dict[str, JSON]) -> list[Trouble]:
        """Link, doubled addresses and foreign DHCP servers on the provisioning network."""
        seed, interface = self.context.site.seed, self.context.site.seed.interface
        link = link_of(interface)
        facts["link"] = {"interface": interface, "mac": link.mac, "mbit": link.mbit}
        troubles = link.troubles(interface)
        if troubles:
            return troubles
        asked = [seed.address]
        held = await asyncio.to_thread(vip.holds, str(self.context.site.provisioning.vip))
        if not held:
            asked.append(self.context.site.provisioning.vip)
        servers, claims = await asyncio.gather(
            foreign_dhcp_servers(interface, link.mac, _DHCP_SECONDS), claims_on(interface, link.mac, asked)
        )
        facts["vip"] = "held by this seed" if held else "free"
        ours = {str(one) for one in (seed.address, *self.context.site.provisioning.undercloud)}
        troubles += [
            Trouble(
                f"{one.address} is already in use by {one.mac}",
                "take that machine off the wire, or change the site's address",
            )
            for one in claims
        ]
        troubles += [
            Trouble(
                f"a foreign DHCP server answers on {interface}: {one.address} ({one.mac})", "switch it off on this wire"
            )
            for one in servers
            if one.address not in ours
        ]
        return troubles


@dataclass(frozen=True)
class Link:
    """A NIC's link. `mbit` is None where the driver does not say."""

    mac: str
    up: bool
    mbit: int | None

    def troubles(self, interface: str) -> list[Trouble]:
        if not self.mac:
            return [Trouble(f"there is no interface {interface}", "mend seed.interface in the site")]
        if not self.up:
            return [Trouble(f"{interface} has no link", "plug the cable in")]
        if self.mbit is not None and self.mbit < SLOWEST_MBIT:
            return [Trouble(f"{interface} runs at {self.mbit} Mbit/s", "use another cable or port")]
        return []


def link_of(interface: str) -> Link:
    """What the kernel says of a NIC."""
    folder = Path("/sys/class/net") / interface
    if not folder.exists():
        return Link("", False, None)
    speed = -1
    with contextlib.suppress(OSError, ValueError):
        speed = int((folder / "speed").read_text())
    carrier = "0"
    with contextlib.suppress(OSError):  # reading it of a NIC that is down is an error
        carrier = (folder / "carrier").read_text().strip()
    return Link((folder / "address").read_text().strip(), carrier == "1", speed if speed > 0 else None)


def memory_mib() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


async def claims_on(interface: str, mac: str, addresses: list[IPv4Address]) -> list[Claim]:
    """Who else says to have one of these addresses (RFC 5227 probes, sent twice)."""
    wanted = {str(address) for address in addresses}
    found: dict[str, Claim] = {}
    async with tap(interface) as (raw, frames):
        for _ in range(2):
            for address in addresses:
                raw.send(probe(mac, address))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ARP_SECONDS / 2):
                    while True:
                        said = claim(await frames.get())
                        if said and said.address in wanted and said.mac != mac:
                            found[said.address] = said
    return list(found.values())
