"""The laptop's network ports, as the kernel shows them. It reads /sys and asks `ip`; it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.nics import SYS_NET, has_carrier, speed_mbit
from seedvm.base.typed_json import decode
from seedvm.site.limits import SLOW_MBIT

T = TypeVar("T")


@dataclass(frozen=True)
class _Link:
    """A port in the answer of `ip -json link show`."""

    ifname: str
    link_type: str = ""
    flags: tuple[str, ...] = ()
    address: str = ""
    master: str | None = None


@dataclass(frozen=True)
class _Address:
    local: str = ""
    prefixlen: int = 0
    scope: str = ""


@dataclass(frozen=True)
class _Addresses:
    """A port in the answer of `ip -json addr show`."""

    ifname: str
    addr_info: tuple[_Address, ...] = ()


@dataclass(frozen=True)
class _Route:
    """A route in the answer of `ip -json route show`."""

    dev: str | None = None


@dataclass(frozen=True)
class LaptopNic:
    """One port. `kind` is wired, wifi, bridge or virtual; `speed_mbit` is None when the port does not say."""

    name: str
    kind: str
    mac: str
    up: bool
    cable: bool
    speed_mbit: int | None
    addresses: tuple[str, ...]
    default_route: bool
    bridge: str | None

    def warnings(self) -> tuple[str, ...]:
        """What the operator should know before the seed is put on this port."""
        said = []
        if self.kind == "wifi":
            said.append(f"{self.name} is Wi-Fi: an access point drops frames of a second MAC address; use a cable")
        if self.kind == "virtual":
            said.append(
                f"{self.name} is not a physical port: the seed reaches only what is connected to it on this machine"
            )
        if self.default_route:
            said.append(
                f"{self.name} carries this machine's default route: the seed's DHCP would answer on that network"
            )
        if self.kind != "bridge" and not self.cable:
            said.append(f"{self.name} has no link: check the cable at both ends")
        if self.speed_mbit is not None and 0 < self.speed_mbit < SLOW_MBIT:
            said.append(
                f"{self.name} runs at {self.speed_mbit} Mbit/s: images will take long; check the cable and the switch port"
            )
        return tuple(said)


def nics() -> tuple[LaptopNic, ...]:
    """Every port but the loopback, wired ones first."""
    links = _ask(_Link, "link", "show")
    addresses = {one.ifname: one.addr_info for one in _ask(_Addresses, "addr", "show")}
    routed = {one.dev for family in ("-4", "-6") for one in _ask(_Route, family, "route", "show", "default")}
    found = [_nic(link, addresses.get(link.ifname, ()), routed) for link in links if link.link_type == "ether"]
    return tuple(sorted(found, key=lambda nic: (("wired", "bridge", "wifi", "virtual").index(nic.kind), nic.name)))


def nic(name: str) -> LaptopNic:
    """One port by its name."""
    found = nics()
    for one in found:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in found) or "none"
    raise SeedvmError(
        f"there is no network port {name}",
        why=f"this machine has {names}",
        hint="list the ports with seedvm host check",
    )


def has_cable(name: str) -> bool | None:
    """Whether the port sees a link, a bridge through a port in it; None when it is gone (a USB adapter pulled out)."""
    folder = SYS_NET / name
    if not folder.exists():
        return None
    if (folder / "bridge").exists():
        inside = [one.name for one in (folder / "brif").iterdir() if not (SYS_NET / one.name / "tun_flags").exists()]
        return any(has_carrier(one) for one in inside) if inside else True
    return has_carrier(name)


def _nic(link: _Link, addresses: Sequence[_Address], routed: set[str | None]) -> LaptopNic:
    name = link.ifname
    return LaptopNic(
        name=name,
        kind=_kind(name),
        mac=link.address,
        up="UP" in link.flags,
        cable="LOWER_UP" in link.flags,
        speed_mbit=speed_mbit(name) or None,
        addresses=tuple(f"{one.local}/{one.prefixlen}" for one in addresses if one.scope == "global"),
        default_route=name in routed,
        bridge=link.master,
    )


def _kind(name: str) -> str:
    folder = SYS_NET / name
    if (folder / "bridge").exists():
        return "bridge"
    if (folder / "wireless").exists() or (folder / "phy80211").exists():
        return "wifi"
    return "wired" if (folder / "device").exists() else "virtual"


def _ask(kind: type[T], *words: str) -> tuple[T, ...]:
    said = process.run(["ip", "-json", *words], timeout=20).stdout
    return tuple(decode(kind, one, "the answer of `ip`") for one in json.loads(said or "[]") if one)
