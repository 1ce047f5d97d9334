"""The seed makes itself: first its addresses, later its services. Once the undercloud owns the VIP nothing here is touched again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import ClassVar

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic, write_private
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.cloud import heat, ironic, keystone, neutron, nova
from seedvm.cloud.connection import Cloud, Refused, Unreachable, in_thread
from seedvm.controller import handed_over, mute, networkd, units, vip
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.handoff import record, vip_back
from seedvm.handoff.members import Members
from seedvm.provisioning.metadata import seed_tree
from seedvm.provisioning.ownership import cloud_of, look, silent
from seedvm.services.load import installed

CONFIGURED = Path("/var/lib/os-collect-config/seedvm-configured")
"""The SHA-256 of the metadata with which the seed's configuration went well."""
NETWORK_UNITS = Path("/etc/systemd/network")
_CONFIGURE = "seedvm-configure"
_CONFIGURE_SECONDS = 900.0
_ANSWER_SECONDS = 420.0
_BOOT_SECONDS = 90.0
_REHEARSAL_SECONDS = 1800.0
_LOOK_EVERY = 2.0


@dataclass(frozen=True)
class SeedNetworkStep:
    """The seed has its addresses and may speak."""

    context: Context
    name: ClassVar[str] = "seed-network"
    title: ClassVar[str] = "Configure the seed's network"
    stage: ClassVar[Stage] = "preflight"
    usual_seconds: ClassVar[float] = 2.0

    async def check(self) -> Verdict:
        wanted = self._wanted()
        if await asyncio.to_thread(mute.muted):
            return Todo("the seed is still mute from a rehearsal")
        if await self._is_past():
            return Done({"handed_over": True})
        seed = self.context.site.seed
        made_later = {seed.bmc_nic} if seed.bmc_vlan is not None else set()
        hardware = sorted({*wanted, *(() if self._adopted else (seed.bmc_interface or seed.interface,))} - made_later)
        missing = [name for name in hardware if not Path(f"/sys/class/net/{name}").exists()]
        if missing:
            there = sorted(path.name for path in Path("/sys/class/net").iterdir() if path.name != "lo")
            return Blocked(
                f"no interface {', '.join(missing)}; existing interfaces: {', '.join(there) or 'none'}",
                "correct seed.interface in site.yaml",
            )
        if absent := await self._absent():
            return Todo(f"{', '.join(absent)} is not configured yet")
        return Done({name: str(address) for name, address in wanted.items()})

    async def apply(self, report: Report) -> None:
        if await asyncio.to_thread(mute.muted):
            report.log("waiting for the rehearsal that keeps this seed mute to end")
            await _wait_for(_not_muted, _REHEARSAL_SECONDS, "the seed is still muted by the rehearsal")
        if await self._is_past():
            return
        await self._write_units()
        await process.arun(["networkctl", "reload"], timeout=30)
        vlan = self.context.site.seed.bmc_vlan
        if vlan is not None:
            nic = Path("/sys/class/net", self.context.site.seed.bmc_nic)
            await _wait_for(lambda: asyncio.to_thread(nic.exists), 30, f"the interface of VLAN {vlan} did not come up")
        for name in self._wanted():
            await process.arun(["networkctl", "reconfigure", name], timeout=30)
        await _wait_for(self._addressed, 60, "the addresses did not come up")

    async def _is_past(self) -> bool:
        """The site was handed over; a seed that took it up from the nodes may still need its address."""
        if not (await look(self.context, cloud_of(self.context))).handed_over:
            return False
        return not self._adopted or not await self._absent()

    @property
    def _adopted(self) -> bool:
        return record.load(self.context.state_dir).adopted is not None

    async def _write_units(self) -> None:
        """What the site needs is written, what it no longer needs goes with the VLAN interface that it made."""
        NETWORK_UNITS.mkdir(parents=True, exist_ok=True)
        wanted = networkd.files(self.context.site)
        there = [path.name for path in NETWORK_UNITS.glob(f"{networkd.PREFIX}*")]
        if foreign := self._foreign_vlan(there):
            raise SeedvmError(
                f"{foreign} already exists and was not created by seedvm",
                hint=f"remove it (ip link delete {foreign}), or use it as seed.bmc_interface without bmc_vlan",
            )
        for name in networkd.stale(there, wanted):
            (NETWORK_UNITS / name).unlink()
            if name.endswith(".netdev"):
                await process.arun(["ip", "link", "delete", networkd.made_by(name)], timeout=10, check=False)
        for name, text in wanted.items():
            write_atomic(NETWORK_UNITS / name, text, 0o644)  # networkd reads it as a user of its own

    def _foreign_vlan(self, there: Sequence[str]) -> str | None:
        """The VLAN's interface where it exists and no file of ours made it."""
        seed = self.context.site.seed
        ours = f"{networkd.PREFIX}{seed.bmc_nic}.netdev" in there
        exists = Path("/sys/class/net", seed.bmc_nic).exists()
        return seed.bmc_nic if seed.bmc_vlan is not None and exists and not ours else None

    async def _absent(self) -> list[str]:
        wanted = self._wanted().values()
        return [str(one) for one in wanted if not await asyncio.to_thread(vip.holds, str(one.ip))]

    async def _addressed(self) -> bool | NotYet:
        absent = await self._absent()
        return NotYet(f"{', '.join(absent)} is not configured") if absent else True

    def _wanted(self) -> Mapping[str, IPv4Interface]:
        """By interface; a seed that took the site up needs no BMC."""
        every = networkd.addresses(self.context.site)
        own = self.context.site.seed.interface
        return {own: every[own]} if self._adopted and own in every else every


@dataclass(frozen=True)
class SeedServicesStep:
    """The seed's OpenStack answers: seven APIs through the VIP, and their workers are alive."""

    context: Context
    answer_seconds: float = _ANSWER_SECONDS
    boot_seconds: float = _BOOT_SECONDS
    look_every: float = _LOOK_EVERY
    name: ClassVar[str] = "seed-services"
    title: ClassVar[str] = "Start OpenStack on the seed"
    stage: ClassVar[Stage] = "seed"
    usual_seconds: ClassVar[float] = 100.0

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        ownership = await look(self.context, cloud)
        if ownership.handed_over:
            return Done({"handed_over": True})
        if _stored() != self._tree():
            return Todo("the seed is not configured yet")
        if not ownership.here:
            return Todo("the seed does not hold the VIP")
        lacking = await lacks(cloud)
        return (
            Todo(f"not answering yet: {', '.join(lacking)}") if lacking else Done({"answering": list(installed().apis)})
        )

    async def apply(self, report: Report) -> None:
        site = self.context.site
        if handed_over.marked(site.name):
            raise silent(str(site.provisioning.vip))
        if handed_over.PATH.exists():
            report.log("this seed has handed over another site; it is the seed of this one from now on")
            handed_over.withdraw()
        write_local_data(self._tree())
        if await in_thread(vip.writes_held):  # a hand-off that was cut short: the seed starts its services again
            vip.hold_writes(False)
            # Its FENCE stopped them, and not all of them are os-refresh-config's to start.
            await units.start(installed().units("worker"))
        if _configured() != _digest(self._tree()) or not await self._boots(report):
            await self._configure(report)
        await vip_back.to_seed(Members.of(self.context), report)

    async def _configure(self, report: Report) -> None:
        report.log("configuring the seed's services")
        CONFIGURED.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as group:
            configuring = group.create_task(process.arun(configure_command(), timeout=_CONFIGURE_SECONDS))
            await self._answering(configuring, report)
        write_private(CONFIGURED, _digest(self._tree()))

    async def _boots(self, report: Report) -> bool:
        """Whether a seed that was configured like this comes up by itself; configuring it again restarts what is just starting."""
        deadline, total = time.monotonic() + self.boot_seconds, _total()
        while lacking := await lacks(cloud_of(self.context)):
            if time.monotonic() > deadline:
                report.log(f"not up after {self.boot_seconds:g} s: {', '.join(lacking)}")
                return False
            report.progress(total - min(len(lacking), total), total, "services")
            await asyncio.sleep(self.look_every)
        return True

    async def _answering(self, configuring: asyncio.Task[process.Completed], report: Report) -> None:
        """Tell how many services answer until all do; the clock runs from the end of the configuration."""
        cloud, reported, deadline = cloud_of(self.context), "", 0.0
        total = _total()
        while (lacking := await lacks(cloud)) or not configuring.done():
            if not configuring.done():
                deadline = time.monotonic() + self.answer_seconds
            elif configuring.exception() is not None:
                return  # the task group tells it
            elif time.monotonic() > deadline:
                raise SeedvmError(
                    "the seed's cloud did not come up",
                    why=f"not answering after {self.answer_seconds:.0f} s: {', '.join(lacking)}",
                    hint="on the seed: systemctl --failed; journalctl -p err",
                )
            if configuring.done() and (now := ", ".join(lacking)) != reported:
                report.log(f"waiting for {now}")
                reported = now
            report.progress(total - min(len(lacking), total), total, "services")
            await asyncio.sleep(self.look_every)
        report.progress(total, total, "services")

    def _tree(self) -> str:
        return json.dumps(seed_tree(self.context.site, self.context.secrets), indent=1, sort_keys=True) + "\n"


_WORKERS = ("ironic-conductor", "nova-compute", "heat-engine", "provisioning network")


def _total() -> int:
    return len(installed().apis) + len(_WORKERS)


async def lacks(cloud: Cloud) -> tuple[str, ...]:
    """What of the seed's cloud does not work yet, by name; empty when all does."""
    silent = await keystone.silent(cloud.access.vip)
    if silent:
        return (*silent, *_WORKERS)
    if not await cloud.answers() or not await keystone.admin_works(cloud):
        return ("admin's login", *_WORKERS)
    try:
        alive = await asyncio.gather(_conductor(cloud), _compute(cloud), heat.engine_alive(cloud), _network(cloud))
    except (Refused, Unreachable):
        return _WORKERS
    return tuple(name for name, ok in zip(_WORKERS, alive, strict=True) if not ok)


async def _conductor(cloud: Cloud) -> bool:
    return any(one.alive for one in await ironic.conductors(cloud))


async def _compute(cloud: Cloud) -> bool:
    return any(one.binary == "nova-compute" and one.up for one in await nova.services(cloud))


async def _network(cloud: Cloud) -> bool:
    found = await neutron.network(cloud, "provisioning")
    return found is not None and bool(found.subnets)


def configure_command() -> list[str]:
    """What turns metadata into running services on this image."""
    if found := shutil.which(_CONFIGURE):
        return [found]
    return ["os-collect-config", "--one-time", "--force", "--debug"]


def write_local_data(tree: str) -> None:
    """The seed's metadata where os-collect-config's local collector finds it; it holds every secret."""
    LOCAL_DATA.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(LOCAL_DATA, tree)


def _digest(tree: str) -> str:
    return hashlib.sha256(tree.encode()).hexdigest()


def _configured() -> str:
    try:
        return CONFIGURED.read_text()
    except OSError:
        return ""


def _stored() -> str:
    try:
        return LOCAL_DATA.read_text()
    except OSError:
        return ""


async def _not_muted() -> bool:
    return not await asyncio.to_thread(mute.muted)


async def _wait_for(look: Callable[[], Awaitable[bool | NotYet]], seconds: float, what: str) -> None:
    hint = "check networkctl status and nft list ruleset"
    await wait_for(look, seconds=seconds, what=what, hint=hint, pause=0.5, passing=NO_ERROR)
