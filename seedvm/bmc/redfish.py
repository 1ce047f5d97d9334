"""What we ask of a BMC over Redfish: identity of its system, its clock, power, boot device, an account's password.

Source: DMTF DSP0266 (protocol), DSP0268 (ComputerSystem, EthernetInterface, Manager, ManagerNetworkProtocol,
AccountService, ManagerAccount). Refused here: services with several systems (which one would be written?).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import subtree
from seedvm.base.secret import Secret
from seedvm.bmc.nics import BootNic, RedfishNic, boot_nic, macs_of, nic_of, unread
from seedvm.bmc.redfish_http import (
    PasswordChangeRequired,
    RedfishHttp,
    Unauthorized,
    error_of,
    links,
    number,
    text,
)
from seedvm.foreign.numbers import integer

__all__ = ["PasswordChangeRequired", "RedfishBmc", "Rejected", "System", "Unauthorized"]

RESET = {"on": "On", "off": "ForceOff"}
ACCOUNTS = 32  # slots that are looked through
PROCESSORS = 4
NICS = 32
ARCHITECTURES = {"x86-64": "x86_64", "x86": "x86_64", "ARM-A64": "aarch64", "ARM": "aarch64"}


class Rejected(SeedvmError):
    """The service understood and said no: nothing was changed."""


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
    power: str
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


class RedfishBmc(RedfishHttp):
    """One Redfish service."""

    async def get(self, path: str) -> Mapping[str, object]:
        """A resource. Raises Unauthorized, PasswordChangeRequired, or SeedvmError."""
        answer = await self.request("GET", path)
        if answer.status != 200:
            raise error_of(self.address, f"GET {path}", answer)
        return answer.body

    async def system(self) -> System:
        """The one system of the service."""
        async with self.session():
            members = links(await self.get("/redfish/v1/Systems"), "Members")
            if len(members) != 1:
                raise SeedvmError(
                    f"Redfish shows {len(members)} systems",
                    machine=self.address,
                    why="only one machine per BMC is supported",
                    hint="use IPMI",
                )
            said = await self.get(members[0])
            nics, more, fault = await self._nics(said)
            clock_ahead, ipmi_lan = await self._manager()
            architecture = await self._architecture(said)
        processors, memory = subtree(said, "ProcessorSummary"), subtree(said, "MemorySummary")
        return System(
            path=members[0],
            uuid=text(said, "UUID").lower(),
            serial=text(said, "SerialNumber"),
            manufacturer=text(said, "Manufacturer"),
            model=text(said, "Model"),
            power=text(said, "PowerState").lower(),
            nics=nics,
            boot_nic=BootNic(None, fault) if fault else boot_nic(nics, more=more),
            cpus=int(number(processors, "LogicalProcessorCount") or number(processors, "Count")),
            memory_mib=int(number(memory, "TotalSystemMemoryGiB") * 1024),
            clock_ahead=clock_ahead,
            ipmi_lan=ipmi_lan,
            architecture=architecture,
        )

    async def set_power(self, path: str, state: str, seconds: float = 60.0) -> None:
        """Switch the system at `path` and wait until it is so."""
        async with self.session():
            if await self.power(path) == state:
                return
            order = {"ResetType": RESET[state]}
            answer = await self.request("POST", f"{path}/Actions/ComputerSystem.Reset", order)
            if answer.status >= 300:
                raise error_of(self.address, f"power {state}", answer)
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

    async def role(self) -> str:
        """Our own account's RoleId, "" where the service does not show it."""
        with contextlib.suppress(SeedvmError):
            path, _ = await self._account()
            return text(await self.get(path), "RoleId")
        return ""

    async def longest_password(self) -> int:
        """The most characters of a password as the AccountService says; 0 where it does not, or not before a change."""
        with contextlib.suppress(PasswordChangeRequired):
            async with self.session():
                return int(number(await self.get("/redfish/v1/AccountService"), "MaxPasswordLength"))
        return 0

    async def set_password(self, password: Secret) -> None:
        """Give our own account a new password (ManagerAccount.Password), also where it must be changed before anything else.
        Raises Rejected where the service refuses it."""
        async with self.session(expired=True):
            path, etag = await self._account()
            answer = await self.request("PATCH", path, {"Password": password.reveal()}, etag=etag)
        if 400 <= answer.status < 500:
            error = error_of(self.address, f"the new password of {self.user}", answer)
            raise Rejected(error.what, machine=self.address, why=error.why)
        if answer.status >= 300:
            raise error_of(self.address, f"the new password of {self.user}", answer)

    async def _account(self) -> tuple[str, str]:
        """Our own account's resource and its ETag, which several services require with a change. A password that must be changed
        closes the list of accounts; the refusal names ours, which stays open (DSP0266 13.2.6)."""
        try:
            return await self._listed_account()
        except PasswordChangeRequired as expired:
            if not expired.account:
                raise
            with contextlib.suppress(PasswordChangeRequired):
                answer = await self.request("GET", expired.account)
                return expired.account, answer.headers.get("etag") or text(answer.body, "@odata.etag")
            return expired.account, ""

    async def _listed_account(self) -> tuple[str, str]:
        service = await self.get("/redfish/v1/AccountService")
        accounts = subtree(service, "Accounts").get("@odata.id")
        listed = links(await self.get(accounts), "Members") if isinstance(accounts, str) else ()
        for path in listed[:ACCOUNTS]:
            answer = await self.request("GET", path)
            if answer.status == 200 and answer.body.get("UserName") == self.user:
                return path, answer.headers.get("etag") or text(answer.body, "@odata.etag")
        raise SeedvmError(
            f"user {self.user} is not in the BMC's list of accounts",
            machine=self.address,
            why=f"the AccountService lists {len(listed)} accounts",
            hint="if it is a directory account (LDAP, Active Directory), change its password there",
        )

    async def _nics(self, system: Mapping[str, object]) -> tuple[tuple[RedfishNic, ...], int, str]:
        """The NICs that could be listed, how many more there are, and why there is no list. One that cannot be read keeps its place."""
        where = subtree(system, "EthernetInterfaces").get("@odata.id")
        if not isinstance(where, str):
            return (), 0, "Redfish does not list its NICs"
        try:
            collection = await self.get(where)
        except SeedvmError as error:
            return (), 0, f"Redfish does not list its NICs: {error.why or error.what}"
        paths = links(collection, "Members")
        counted = integer(collection.get("Members@odata.count"), 0, 10_000) or 0
        more = max(counted - len(paths), len(paths) - NICS, int("Members@odata.nextLink" in collection), 0)
        return tuple([await self._nic(path) for path in paths[:NICS]]), more, ""

    async def _nic(self, path: str) -> RedfishNic:
        try:
            return nic_of(await self.get(path), path)
        except SeedvmError as error:
            return unread(path, error.why or error.what)

    async def _architecture(self, system: Mapping[str, object]) -> str:
        """Of the first processor that is a CPU and says so (DSP0268 Processor)."""
        collection = subtree(system, "Processors").get("@odata.id")
        listed = links((await self.request("GET", collection)).body, "Members") if isinstance(collection, str) else ()
        for path in listed[:PROCESSORS]:
            said = (await self.request("GET", path)).body
            if text(said, "ProcessorType") in ("CPU", ""):
                found = ARCHITECTURES.get(text(said, "InstructionSet")) or ARCHITECTURES.get(
                    text(said, "ProcessorArchitecture")
                )
                if found:
                    return found
        return ""

    async def _manager(self) -> tuple[float | None, bool | None]:
        """Seconds by which the first manager's clock is ahead, and whether it has IPMI over LAN turned on."""
        managers = await self.request("GET", "/redfish/v1/Managers")
        for path in links(managers.body, "Members")[:1] if managers.status == 200 else ():
            manager = (await self.request("GET", path)).body
            return _ahead(text(manager, "DateTime")), await self._ipmi_lan(manager)
        return None, None

    async def _ipmi_lan(self, manager: Mapping[str, object]) -> bool | None:
        network = subtree(manager, "NetworkProtocol").get("@odata.id")
        if not isinstance(network, str):
            return None
        enabled = subtree((await self.request("GET", network)).body, "IPMI").get("ProtocolEnabled")
        return enabled if isinstance(enabled, bool) else None


def _ahead(said: str) -> float | None:
    try:
        return (datetime.fromisoformat(said) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
