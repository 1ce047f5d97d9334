"""What we ask of a BMC over Redfish: identity of its system, its clock, power and boot device.

Source: DMTF DSP0268 (ComputerSystem, EthernetInterface, Processor, Manager, ManagerNetworkProtocol). Every path and target is the
service's own. Refused here: services with several systems (which one would be written?).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import subtree
from seedvm.bmc.nics import BootNic, RedfishNic, boot_nic, macs_of, nic_of, unread
from seedvm.bmc.power import Power, redfish_power
from seedvm.bmc.redfish_account import RedfishAccount, Rejected
from seedvm.bmc.redfish_answer import error_of, link, number, text
from seedvm.bmc.redfish_errors import PasswordChangeRequired, RedfishUnreachable, SeveralSystems, Unauthorized
from seedvm.bmc.redfish_read import OptionalMembers
from seedvm.foreign.identity import serial, uuid_of
from seedvm.foreign.text import exact
from seedvm.transport.errors import TransportError

__all__ = ["PasswordChangeRequired", "RedfishBmc", "Rejected", "System", "Unauthorized"]

RESET = {"on": "On", "off": "ForceOff"}
ARCHITECTURES = {"x86-64": "x86_64", "x86": "x86_64", "ARM-A64": "aarch64", "ARM": "aarch64"}
NICS, PROCESSORS, MANAGERS = 32, 4, 1


@dataclass(frozen=True)
class System:
    """One computer system. `path` is its resource, `nics` its EthernetInterfaces and `boot_nic` what they say of its boot MAC.

    `clock_ahead` in seconds and `ipmi_lan` (whether the manager has IPMI over LAN turned on) are None where nothing is said,
    `architecture` ("x86_64", "aarch64") is empty then.
    """

    path: str
    uuid: str
    serial: str
    manufacturer: str
    model: str
    power: Power
    nics: tuple[RedfishNic, ...]
    boot_nic: BootNic
    cpus: int
    memory_mib: int
    clock_ahead: float | None
    ipmi_lan: bool | None = None
    architecture: str = ""

    @property
    def macs(self) -> tuple[str, ...]:
        """Of its own NICs, those with a link first."""
        return macs_of(self.nics)


class RedfishBmc(RedfishAccount):
    """One Redfish service."""

    async def prove_login(self) -> None:
        """See that the account is accepted: the list of systems is closed to strangers (DSP0266 13.3)."""
        if not self.logged_in:
            await self.get(self.root_link("Systems"))
            self.logged_in = True

    async def system(self) -> System:
        """The one system of the service."""
        async with self.session():
            systems = await self.collection(self.root_link("Systems"))
            if not (systems.fault and systems.told == 1 == len(systems.members)):
                systems.sure()  # a page beyond the one system that there is, by the service's own count, holds none
            if systems.count != 1 or len(systems.members) != 1:
                raise SeveralSystems(self.address, systems.count)
            [path] = systems.members
            said = await self.get(path)
            self.begin_extras()
            ports = await self.parts(link(said, "EthernetInterfaces"), NICS)
            clock_ahead, ipmi_lan = await self._manager()
            architecture = await self._architecture(said)
        nics = tuple(
            nic_of(one.body, one.path) if one.body is not None else unread(one.path, one.fault) for one in ports.read
        )
        found = uuid_of(said.get("UUID"))
        processors, memory = subtree(said, "ProcessorSummary"), subtree(said, "MemorySummary")
        return System(
            path=path,
            uuid=str(found) if found else "",
            serial=serial(said.get("SerialNumber")),
            manufacturer=serial(said.get("Manufacturer")),
            model=serial(said.get("Model")),
            power=redfish_power(said.get("PowerState")),
            nics=nics,
            boot_nic=_boot_nic(nics, ports, listed=bool(link(said, "EthernetInterfaces"))),
            cpus=int(number(processors, "LogicalProcessorCount") or number(processors, "Count")),
            memory_mib=int(number(memory, "TotalSystemMemoryGiB") * 1024),
            clock_ahead=clock_ahead,
            ipmi_lan=ipmi_lan,
            architecture=architecture,
        )

    async def reset(self, path: str, kind: str) -> None:
        """Send a ResetType ("On", "ForceOff", ...) to the system at `path`, to the target that the service names."""
        await self._reset(await self._reset_target(path), kind)

    async def start(self, path: str) -> None:
        """Power on the system at `path`. An order whose answer was lost counts as given, one that could not be sent raises."""
        target = await self._reset_target(path)
        try:
            await self._reset(target, RESET["on"])
        except (RedfishUnreachable, TransportError) as error:
            if not error.answer_lost:
                raise

    async def _reset(self, target: str, kind: str) -> None:
        answer = await self.request("POST", target, {"ResetType": kind})
        if answer.status >= 300:
            raise error_of(self.address, f"power {kind}", answer)

    async def set_power(self, path: str, state: str, seconds: float = 60.0) -> None:
        """Switch the system at `path` and wait until it is so."""
        async with self.session():
            if await self.power(path) == state:
                return
            await self.reset(path, RESET[state])
            deadline = time.monotonic() + seconds
            while await self.power(path) != state:
                if time.monotonic() > deadline:
                    raise SeedvmError(
                        f"the machine did not power {state}",
                        machine=self.address,
                        why=f"no change {seconds:.0f} s after the BMC accepted the command",
                        hint="check the machine and its power supplies",
                    )
                await asyncio.sleep(1.0)

    async def power(self, path: str) -> str:
        """ "on", "off", or what else the service calls it, in lower case."""
        async with self.session():
            return text(await self.get(path), "PowerState").lower()

    async def boot_from_network(self, path: str) -> None:
        """Boot the system at `path` from the network next time."""
        boot = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
        async with self.session():
            answer = await self.request("PATCH", path, boot)
        if answer.status >= 300:
            raise error_of(self.address, "the boot device", answer)

    async def _reset_target(self, path: str) -> str:
        actions = subtree(await self.get(path), "Actions")
        target = exact(subtree(actions, "#ComputerSystem.Reset").get("target"))
        return self.path(target, path) if target else f"{path.rstrip('/')}/Actions/ComputerSystem.Reset"

    async def _architecture(self, system: Mapping[str, object]) -> str:
        """Of the first processor that is a CPU and says so (DSP0268 Processor)."""
        for part in (await self.parts(link(system, "Processors"), PROCESSORS)).read:
            said = part.body or {}
            if text(said, "ProcessorType") in ("CPU", ""):
                found = ARCHITECTURES.get(text(said, "InstructionSet")) or ARCHITECTURES.get(
                    text(said, "ProcessorArchitecture")
                )
                if found:
                    return found
        return ""

    async def _manager(self) -> tuple[float | None, bool | None]:
        """Seconds by which the first manager's clock is ahead, and whether it has IPMI over LAN turned on."""
        managers = self.root_reference("Managers") if self.is_named("Managers") else ""
        for part in (await self.parts(managers, MANAGERS)).read:
            manager = part.body or {}
            return _ahead(text(manager, "DateTime")), await self._ipmi_lan(manager)
        return None, None

    async def _ipmi_lan(self, manager: Mapping[str, object]) -> bool | None:
        network = link(manager, "NetworkProtocol")
        if not network:
            return None
        enabled = subtree((await self.part(network)).body or {}, "IPMI").get("ProtocolEnabled")
        return enabled if isinstance(enabled, bool) else None


def _boot_nic(nics: tuple[RedfishNic, ...], ports: OptionalMembers, *, listed: bool) -> BootNic:
    if ports.fault or not listed:
        return BootNic(None, "Redfish does not list its NICs" + (f": {ports.fault}" if ports.fault else ""))
    return boot_nic(nics, more=ports.more)


def _ahead(said: str) -> float | None:
    try:
        return (datetime.fromisoformat(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
