"""The site: what the operator wants, complete before anything is changed, and without a secret.

Reading refuses the file as a whole, with every problem by name and line: unknown or missing keys, wrong addresses, overlapping
ranges, duplicate addresses and MACs. Networks are IPv4; BMCs may have an IPv6 link-local address alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path
from typing import Literal, TypeAlias

from seedvm.base import addresses
from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.base.yaml_cursor import Cursor, Findings, open_tree

Role: TypeAlias = Literal["undercloud", "spare", "exclude"]
BmcAddress: TypeAlias = IPv4Address | IPv6Address
_ROLES: dict[str, Role] = {"undercloud": "undercloud", "spare": "spare", "exclude": "exclude"}

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LARGEST_RANGE = 65536


@dataclass(frozen=True)
class AddressRange:
    """Addresses from `first` to `last`, both included."""

    first: IPv4Address
    last: IPv4Address

    @classmethod
    def parse(cls, text: str) -> AddressRange:
        """`a-b`, a single address, or a network in CIDR notation (then its hosts)."""
        if "/" in text:
            network = IPv4Network(text)
            inner = (1, -2) if network.prefixlen < 31 else (0, -1)
            made = cls(network[inner[0]], network[inner[1]])
        else:
            first, _, last = text.partition("-")
            made = cls(IPv4Address(first.strip()), IPv4Address((last or first).strip()))
        if made.last < made.first:
            raise ValueError(f"'{text}' ends before it begins")
        if len(made) > _LARGEST_RANGE:
            raise ValueError(f"'{text}' holds {len(made)} addresses; {_LARGEST_RANGE} at the most")
        return made

    def __contains__(self, address: object) -> bool:
        return isinstance(address, IPv4Address) and self.first <= address <= self.last

    def __iter__(self) -> Iterator[IPv4Address]:
        return (IPv4Address(number) for number in range(int(self.first), int(self.last) + 1))

    def __len__(self) -> int:
        return int(self.last) - int(self.first) + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def overlaps(self, other: AddressRange) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class SeedSite:
    """The seed's interfaces: `interface` with `address` on the provisioning network; a second one to the BMCs, or None where the
    BMCs are reached through the gateway. With `bmc_vlan` the BMCs are on that tagged VLAN of `bmc_interface`, a trunk."""

    interface: str
    address: IPv4Address
    bmc_interface: str | None
    bmc_address: IPv4Interface | None
    bmc_vlan: int | None = None

    @property
    def bmc_nic(self) -> str:
        """The interface that the BMCs' wire is on."""
        name = self.bmc_interface or self.interface
        return f"{name}.{self.bmc_vlan}" if self.bmc_vlan is not None else name


@dataclass(frozen=True)
class Provisioning:
    """The provisioning network. `undercloud` are the nodes' addresses in order, `instances` Neutron's, `boot` DHCP's."""

    cidr: IPv4Network
    gateway: IPv4Address
    vip: IPv4Address
    undercloud: tuple[IPv4Address, ...]
    instances: AddressRange
    boot: AddressRange


@dataclass(frozen=True)
class BmcSite:
    """Where BMCs may be looked for, and whether a machine may be powered on to learn its boot MAC from its own DHCP request.

    `link_local` names interfaces: every BMC that answers there from an IPv6 link-local address is one of the site's.
    `rotate_passwords`: each BMC gets a password of its own."""

    ranges: tuple[AddressRange, ...]
    learn_mac_by_power_on: bool
    link_local: tuple[str, ...] = ()
    rotate_passwords: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """What may be scanned, as `seedvm scan` takes it."""
        return (*(str(span) for span in self.ranges), *(f"fe80::/10%{nic}" for nic in self.link_local))

    def __contains__(self, bmc: object) -> bool:
        if isinstance(bmc, IPv6Address):
            return bmc.is_link_local and bmc.scope_id in self.link_local
        return any(bmc in span for span in self.ranges)


@dataclass(frozen=True)
class Needs:
    """The least that a machine must have for the undercloud role."""

    cpus: int
    memory_mib: int
    disk_gib: int


@dataclass(frozen=True)
class UndercloudSite:
    """What the undercloud needs; `without` are addresses of `provisioning.undercloud` that it goes without since the operator said so."""

    needs: Needs
    rehearse_on_spare: bool
    without: tuple[IPv4Address, ...] = ()


@dataclass(frozen=True)
class Controller:
    """A node of the undercloud; `index` counts from 0 in `provisioning.undercloud`, whoever was dropped."""

    index: int
    name: str
    address: IPv4Address


@dataclass(frozen=True)
class Machine:
    """What the operator says of one machine, by its BMC's address; None says nothing."""

    bmc: BmcAddress
    mac: str | None
    role: Role | None


@dataclass(frozen=True)
class Site:
    """The whole of site.yaml; `name` is its `site`."""

    name: str
    seed: SeedSite
    provisioning: Provisioning
    bmc: BmcSite
    undercloud: UndercloudSite
    machines: tuple[Machine, ...]

    def machine(self, bmc: BmcAddress | str) -> Machine:
        """What is said of a machine; one of which nothing is said has no MAC and no role."""
        wanted = addresses.parse(str(bmc))
        return next((machine for machine in self.machines if machine.bmc == wanted), Machine(wanted, None, None))

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The undercloud's nodes but those that were dropped, in the order of their addresses."""
        every = enumerate(self.provisioning.undercloud)
        return tuple(
            Controller(index, self.node_name(index), one) for index, one in every if one not in self.undercloud.without
        )

    def node_name(self, index: int) -> str:
        """The name of an undercloud node, counted from 0."""
        return f"{self.name}-undercloud-{index}"


def load_site(path: Path) -> Site:
    """Read and validate; an InvalidFile holds every problem."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise SeedvmError(
            f"there is no {path}", why="the site is not described yet", hint="seedvm wizard writes it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SeedvmError(f"{path} cannot be read", why=str(error)) from error
    return parse_site(text, str(path))


def parse_site(text: str, path: str = "site.yaml") -> Site:
    """`load_site` for text that is not in a file yet."""
    from seedvm.site.rules import check_site

    findings = Findings()
    root = open_tree(text, findings)
    site = _site(root) if root.present else None
    if site is not None:
        check_site(site, root, findings)
    if site is None or findings.problems:
        raise InvalidFile(path, findings.problems)
    return site


def _site(root: Cursor) -> Site | None:
    keys = root.mapping(("site", "seed", "provisioning", "bmc"), ("undercloud", "machines"))
    name = keys["site"].parsed(_matching(_NAME, "a name of lower-case letters, digits and hyphens"))
    seed, provisioning, bmc = _seed(keys["seed"]), _provisioning(keys["provisioning"]), _bmc(keys["bmc"])
    undercloud = _undercloud(keys["undercloud"])
    machines = tuple(machine for entry in keys["machines"].sequence() if (machine := _machine(entry)) is not None)
    if name is None or seed is None or provisioning is None or bmc is None:
        return None
    return Site(name, seed, provisioning, bmc, undercloud, machines)


def _seed(cursor: Cursor) -> SeedSite | None:
    keys = cursor.mapping(("interface", "address"), ("bmc_interface", "bmc_address", "bmc_vlan"))
    interface = keys["interface"].parsed(_matching(_INTERFACE, "the name of a network interface"))
    own = keys["address"].parsed(IPv4Address)
    bmc_interface = keys["bmc_interface"].parsed(_matching(_INTERFACE, "the name of a network interface"))
    bmc_address = keys["bmc_address"].parsed(_interface)
    if keys["bmc_interface"].present != keys["bmc_address"].present:
        cursor.problem("bmc_interface and bmc_address go together: give both or none")
    vlan = keys["bmc_vlan"].parsed(_vlan) if keys["bmc_vlan"].present else None
    if vlan is not None and not keys["bmc_interface"].present:
        keys["bmc_vlan"].problem("needs bmc_interface, the trunk that it is on")
    if interface is None or own is None:
        return None
    return SeedSite(interface, own, bmc_interface, bmc_address, vlan)


def _vlan(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 4094:
        raise ValueError(f"'{text}' is no VLAN; they are 1 to 4094")
    return int(text)


def _provisioning(cursor: Cursor) -> Provisioning | None:
    keys = cursor.mapping(("cidr", "gateway", "vip", "undercloud", "instances", "boot"))
    cidr, gateway, vip = (
        keys["cidr"].parsed(IPv4Network),
        keys["gateway"].parsed(IPv4Address),
        keys["vip"].parsed(IPv4Address),
    )
    undercloud = [entry.parsed(IPv4Address) for entry in keys["undercloud"].sequence()]
    instances, boot = keys["instances"].parsed(AddressRange.parse), keys["boot"].parsed(AddressRange.parse)
    if cidr is None or gateway is None or vip is None or instances is None or boot is None:
        return None
    return Provisioning(cidr, gateway, vip, tuple(one for one in undercloud if one is not None), instances, boot)


def _bmc(cursor: Cursor) -> BmcSite | None:
    needed, more = (("ranges",), ("link_local",)) if not _names_wire(cursor) else ((), ("link_local", "ranges"))
    keys = cursor.mapping(needed, ("learn_mac_by_power_on", "rotate_passwords", *more))
    ranges = [entry.parsed(AddressRange.parse) for entry in keys["ranges"].sequence()]
    if keys["ranges"].present and not ranges:
        keys["ranges"].problem("names no address; only what is named here is scanned")
    learn = keys["learn_mac_by_power_on"].boolean(False)
    wires = [entry.parsed(_matching(_INTERFACE, "an interface's name")) for entry in keys["link_local"].sequence()]
    rotate = keys["rotate_passwords"].boolean(False)
    if not cursor.present:
        return None
    found = tuple(one for one in ranges if one is not None)
    return BmcSite(found, learn, tuple(dict.fromkeys(one for one in wires if one is not None)), rotate)


def _names_wire(cursor: Cursor) -> bool:
    """Whether link_local is given, so that ranges may be left out."""
    value = getattr(cursor.node, "value", None)
    return isinstance(value, list) and any(
        isinstance(item, tuple) and item[0].value == "link_local" and item[1].value for item in value
    )


def _undercloud(cursor: Cursor) -> UndercloudSite:
    keys = cursor.mapping((), ("needs", "rehearse_on_spare", "without"))
    needs = keys["needs"].mapping((), ("cpus", "memory_mib", "disk_gib"))
    return UndercloudSite(
        Needs(
            needs["cpus"].integer(4, minimum=1),
            needs["memory_mib"].integer(16384, minimum=1),
            needs["disk_gib"].integer(64, minimum=1),
        ),
        keys["rehearse_on_spare"].boolean(True),
        tuple(one for entry in keys["without"].sequence() if (one := entry.parsed(IPv4Address)) is not None),
    )


def _machine(cursor: Cursor) -> Machine | None:
    keys = cursor.mapping(("bmc",), ("mac", "role"))
    bmc = keys["bmc"].parsed(addresses.parse)
    mac = keys["mac"].parsed(lambda text: _matching(_MAC, "a MAC address like 52:54:00:12:34:56")(text.lower()))
    role = keys["role"].parsed(_role)
    return Machine(bmc, mac, role) if bmc is not None else None


def _role(text: str) -> Role:
    if text not in _ROLES:
        raise ValueError(f"'{text}' is no role; roles are {', '.join(_ROLES)}")
    return _ROLES[text]


def _interface(text: str) -> IPv4Interface:
    if "/" not in text:
        raise ValueError(f"'{text}' needs its prefix length, like {text}/24")
    return IPv4Interface(text)


def _matching(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"'{text}' is not {wanted}")
        return text

    return parse
