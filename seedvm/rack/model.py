"""rack.yaml as frozen types, and every path and name that follows from it.

It refuses a file with anything unknown, double or out of its network, all problems at once. It touches nothing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import uuid as uuids
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.base.secret import Secret
from seedvm.base.yaml_cursor import Cursor, Findings, open_tree
from seedvm.rack.faults import Faults, parse_faults

RUN = Path("/run/seedvm-rack")
STATE = Path("build/rack")
PREFIX = "seedvm"
CHILD_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}  # from any folder

_NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class NetworkSpec:
    """One wire of the rack; the router's address is the rack's own."""

    cidr: ipaddress.IPv4Network
    router: ipaddress.IPv4Address

    @property
    def router_with_prefix(self) -> str:
        return f"{self.router}/{self.cidr.prefixlen}"


@dataclass(frozen=True)
class Bind:
    """A folder of the host inside the seed."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True)
class Seed:
    name: str
    state: Path
    binds: tuple[Bind, ...]


@dataclass(frozen=True)
class BmcSpec:
    protocol: str
    address: ipaddress.IPv4Address
    user: str
    password: Secret


@dataclass(frozen=True)
class MachineSpec:
    """One machine; sizes in MiB and GiB. `mac` is that of its only NIC, on the provisioning wire.

    `kind` is container or vm; a vm's `firmware` is bios, uefi, or secure (UEFI with Secure Boot on), and its hardware clock is
    `clock_ahead` seconds ahead of the host's (or behind).
    """

    name: str
    uuid: uuids.UUID
    mac: str
    bmc: BmcSpec
    cpus: int
    memory_mib: int
    disk_gib: int
    serial: str
    kind: str = "container"
    firmware: str = "bios"
    faults: Faults = field(default_factory=Faults)
    clock_ahead: int = 0


@dataclass(frozen=True)
class RackSpec:
    """The whole rack. `file` is where it was read; `images` the folder with golden.raw."""

    name: str
    file: Path
    provisioning: NetworkSpec
    bmc: NetworkSpec
    images: Path
    seed: Seed | None
    machines: tuple[MachineSpec, ...]

    @property
    def state(self) -> Path:
        return STATE.resolve() / self.name

    @property
    def run(self) -> Path:
        """Sockets and marks of the running rack: gone after a boot of the host, as the rack is."""
        return RUN / self.name

    @property
    def namespace(self) -> str:
        return f"{PREFIX}-{self.name}"

    def machine_namespace(self, name: str) -> str:
        return f"{self.namespace}-{name}"

    def bmc_namespace(self, name: str) -> str:
        return f"{self.namespace}-{name}-bmc"

    def folder(self, name: str) -> Path:
        return self.state / name

    def socket(self, name: str) -> Path:
        return self.run / f"{name}.sock"

    def machine(self, name: str) -> MachineSpec:
        for machine in self.machines:
            if machine.name == name:
                return machine
        known = ", ".join(machine.name for machine in self.machines)
        raise SeedvmError(
            f"there is no machine '{name}' in the rack", why=f"its machines: {known}", hint="see rack.yaml"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is switched on and off: the machines, then the seed."""
        return (*(machine.name for machine in self.machines), *([self.seed.name] if self.seed else []))


def made_up_mac(*parts: str) -> str:
    """A locally administered address, the same for the same parts."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return "52:54:02:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def load_rack(path: Path) -> RackSpec:
    """Read and check a rack file; InvalidFile names each problem with its line."""
    try:
        text = path.read_text()
    except OSError as error:
        raise SeedvmError(f"{path} cannot be read", why=str(error.strerror), hint="check --file") from error
    return parse_rack(text, path)


def parse_rack(text: str, path: Path) -> RackSpec:
    """A rack file's text; relative paths in it are relative to the current folder."""
    findings = Findings()
    root = open_tree(text, findings).mapping(("rack", "networks", "machines"), ("images", "seed"))
    name = root["rack"].parsed(_name)
    networks = root["networks"].mapping(("provisioning", "bmc"))
    provisioning, bmc = _network(networks["provisioning"]), _network(networks["bmc"])
    if provisioning and bmc and provisioning.cidr.overlaps(bmc.cidr):
        networks["bmc"].problem(f"{bmc.cidr} overlaps {provisioning.cidr}")
    machines = [_machine(cursor, bmc) for cursor in root["machines"].sequence()]
    seed = _seed(root["seed"]) if root["seed"].present else None
    images = (
        root["images"].parsed(lambda value: Path(value).absolute()) or Path("build/cache/images/current").absolute()
    )
    if not findings.problems:
        _no_doubles(findings, root["machines"], machines, seed)
    if findings.problems or name is None or provisioning is None or bmc is None:
        raise InvalidFile(str(path), findings.problems)
    whole = tuple(machine for machine in machines if machine is not None)
    return RackSpec(name, path.absolute(), provisioning, bmc, images, seed, whole)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"'{text}' must be up to 12 of a-z, 0-9 and -, beginning with a letter")
    return text


def _mac(text: str) -> str:
    if not _MAC.fullmatch(text.lower()) or int(text[:2], 16) & 1:
        raise ValueError(f"'{text}' is not a unicast MAC address")
    return text.lower()


def _uuid(text: str) -> uuids.UUID:
    try:
        return uuids.UUID(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a UUID") from None


def _protocol(text: str) -> str:
    if text not in ("redfish", "ipmi"):
        raise ValueError(f"'{text}' is not redfish or ipmi")
    return text


def _seconds(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise ValueError(f"'{text}' is not a whole number of seconds")
    return int(text)


def _address(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 address") from None


def _cidr(text: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 network such as 172.22.0.0/24") from None


def _network(cursor: Cursor) -> NetworkSpec | None:
    parts = cursor.mapping(("cidr", "router"))
    cidr, router = parts["cidr"].parsed(_cidr), parts["router"].parsed(_address)
    if cidr is None or router is None:
        return None
    if router not in cidr:
        parts["router"].problem(f"{router} is not in {cidr}")
    return NetworkSpec(cidr, router)


def _seed(cursor: Cursor) -> Seed | None:
    parts = cursor.mapping(("state",), ("name", "binds"))
    state = parts["state"].text()
    name = parts["name"].parsed(_name) if parts["name"].present else "seed"
    binds = [_bind(one) for one in parts["binds"].sequence()]
    if state is None or name is None:
        return None
    return Seed(name, Path(state).absolute(), tuple(bind for bind in binds if bind is not None))


def _bind(cursor: Cursor) -> Bind | None:
    parts = cursor.mapping(("source", "target"), ("read_only",))
    source, target = parts["source"].text(), parts["target"].text()
    if target is not None and not target.startswith("/"):
        parts["target"].problem(f"'{target}' is not an absolute path")
    if source is None or target is None:
        return None
    return Bind(Path(source).absolute(), target, parts["read_only"].boolean(False))


def _machine(cursor: Cursor, network: NetworkSpec | None) -> MachineSpec | None:
    parts = cursor.mapping(
        ("name", "uuid", "mac", "bmc", "cpus", "memory_mib", "disk_gib", "serial"),
        ("kind", "firmware", "faults", "clock_ahead_seconds"),
    )
    faults = parse_faults(parts["faults"])
    bmc = _bmc(parts["bmc"], network)
    name, uuid = parts["name"].parsed(_name), parts["uuid"].parsed(_uuid)
    mac, serial = parts["mac"].parsed(_mac), parts["serial"].text()
    cpus, memory_mib, disk_gib = (parts[size].integer(1, minimum=1) for size in ("cpus", "memory_mib", "disk_gib"))
    kind = _one_of(parts["kind"], "container", "vm")
    firmware = _one_of(parts["firmware"], "bios", "uefi", "secure")
    if kind == "container" and firmware not in (None, "bios"):
        parts["firmware"].problem("a container machine has only its own firmware; use kind: vm")
    ahead = parts["clock_ahead_seconds"].parsed(_seconds) or 0
    if kind == "container" and ahead:
        parts["clock_ahead_seconds"].problem("a container machine shares the host's clock; use kind: vm")
    if name is None or uuid is None or mac is None or serial is None or bmc is None or kind is None or firmware is None:
        return None
    return MachineSpec(name, uuid, mac, bmc, cpus, memory_mib, disk_gib, serial, kind, firmware, faults, ahead)


def _one_of(cursor: Cursor, *known: str) -> str | None:
    """One of the words; the first where nothing is said."""

    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"'{text}' is not {' or '.join(known)}")
        return text

    return cursor.parsed(parse) if cursor.present else known[0]


def _bmc(cursor: Cursor, network: NetworkSpec | None) -> BmcSpec | None:
    parts = cursor.mapping(("protocol", "address", "user", "password"))
    protocol, address = parts["protocol"].parsed(_protocol), parts["address"].parsed(_address)
    user, password = parts["user"].text(), parts["password"].text()
    if network and address and (address not in network.cidr or address == network.router):
        parts["address"].problem(f"{address} cannot be used for a BMC in {network.cidr}")
    if protocol is None or address is None or user is None or password is None:
        return None
    return BmcSpec(protocol, address, user, Secret(password))


def _no_doubles(findings: Findings, cursor: Cursor, machines: Iterable[MachineSpec | None], seed: Seed | None) -> None:
    seen = {f"the name {seed.name}"} if seed else set()
    for at, machine in zip(cursor.sequence(), machines, strict=True):
        if machine is None:
            continue
        bmc = f"the BMC address {machine.bmc.address}"
        for thing in (f"the name {machine.name}", f"the MAC address {machine.mac}", f"the UUID {machine.uuid}", bmc):
            if thing in seen:
                findings.add(at.line, at.where, f"{thing} is given twice")
            seen.add(thing)
