"""The site: what the operator wants, complete before anything is changed, and without a secret.

Networks are IPv4; BMCs may have an IPv6 link-local address alone. `load` reads it, `rules` refuse what does not fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from typing import Literal, TypeAlias

from seedvm.base import addresses

Role: TypeAlias = Literal["undercloud", "spare", "exclude"]
BmcAddress: TypeAlias = IPv4Address | IPv6Address

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
            raise ValueError(f"'{text}' ends before it starts")
        if len(made) > _LARGEST_RANGE:
            raise ValueError(f"'{text}' has {len(made)} addresses; at most {_LARGEST_RANGE} are allowed")
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
class AddressSet:
    """Addresses in ranges, and single IPv6 ones with their zones."""

    ranges: tuple[AddressRange, ...] = ()
    singles: tuple[IPv6Address, ...] = ()

    def __contains__(self, address: object) -> bool:
        return address in self.singles or any(address in span for span in self.ranges)

    def __str__(self) -> str:
        return ", ".join(str(one) for one in (*self.ranges, *self.singles))


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
    `rotate_passwords`: each BMC gets a password of its own. `allow_old_tls`: these may get a password over TLS 1.0 or 1.1, or without
    secure renegotiation (RFC 5746)."""

    ranges: tuple[AddressRange, ...]
    learn_mac_by_power_on: bool
    link_local: tuple[str, ...] = ()
    rotate_passwords: bool = False
    allow_old_tls: AddressSet = AddressSet()

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
class SiteMachine:
    """What the operator says of one machine, by its BMC's address; None says nothing. `unit` is the lowest rack unit that it takes up,
    counted from the bottom, `height` how many it takes up."""

    bmc: BmcAddress
    mac: str | None
    role: Role | None
    rack: str | None = None
    unit: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Site:
    """The whole of site.yaml; `name` is its `site`."""

    name: str
    seed: SeedSite
    provisioning: Provisioning
    bmc: BmcSite
    undercloud: UndercloudSite
    machines: tuple[SiteMachine, ...]

    def machine(self, bmc: BmcAddress | str) -> SiteMachine:
        """What is said of a machine; one of which nothing is said has no MAC and no role."""
        wanted = addresses.parse(str(bmc))
        return next((machine for machine in self.machines if machine.bmc == wanted), SiteMachine(wanted, None, None))

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
