"""The NICs of one machine as its Redfish service tells them, and the rule by which one of them is its boot NIC. Pure.

The boot MAC is certain only where the service lists exactly one NIC of the machine, can read it, and calls its link up. Refused here: a
port between the machine and its own BMC, however it is called; and to call the only NIC that could be read the only one.

Source: DSP0268 (EthernetInterface: MACAddress is the one in use, PermanentMACAddress the factory's; LinkStatus LinkUp, NoLink, LinkDown),
DSP0270 (Redfish host interface: its own subnet, 169.254/16 or fe80::/10, its interfaces named ToHost and ToManager).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seedvm.foreign.identity import is_locally_administered, mac
from seedvm.foreign.text import exact, shown

VIRTUAL_MACHINES = ("52:54:00:",)  # QEMU and KVM: locally administered, and a machine's real NIC there
MOST_LISTED = 8
_HOST_INTERFACE = re.compile(
    r"to[ _-]?(manager|host|bmc)\b|\b(host|redfish)[ _-]?(interface|if)\b|\busb|\brndis\b|\bidrac|\bilo\b|\bbmc\b"
)
_UP, _DOWN = ("linkup", "up"), ("nolink", "linkdown", "down")
_ABSENT = ("disabled", "absent", "unavailableoffline")


@dataclass(frozen=True)
class RedfishNic:
    """One EthernetInterface. `mac` is the one in use, `permanent` the factory's, each None where it cannot be read; `link` is None where
    it is not told, `told` says whether the service has the property at all; `fault` says why the resource could not be read."""

    name: str
    mac: str | None = None
    permanent: str | None = None
    link: bool | None = None
    told: bool = True
    enabled: bool = True
    host_interface: bool = False
    fault: str = ""

    @property
    def address(self) -> str | None:
        return self.mac or self.permanent


@dataclass(frozen=True)
class BootNic:
    """The certain boot MAC, or None and why it is not certain."""

    mac: str | None
    why: str = ""


def nic_of(said: Mapping[str, object], path: str) -> RedfishNic:
    """Of an EthernetInterface resource at `path`."""
    name = shown(said.get("Id"), 40) or shown(path.rstrip("/").rpartition("/")[2], 40)
    status = said.get("Status")
    state = exact(status.get("State")).lower() if isinstance(status, dict) else ""
    link = exact(said.get("LinkStatus")).lower()
    used, permanent = mac(said.get("MACAddress")), mac(said.get("PermanentMACAddress"))
    return RedfishNic(
        name,
        used,
        permanent,
        link=True if link in _UP else False if link in _DOWN else None,
        told="LinkStatus" in said,
        enabled=said.get("InterfaceEnabled") is not False and state not in _ABSENT,
        host_interface=_is_host_interface(said, path, used or permanent),
    )


def unread(path: str, why: str) -> RedfishNic:
    """A NIC that is listed and whose resource could not be read."""
    return RedfishNic(shown(path.rstrip("/").rpartition("/")[2], 40), fault=shown(why))


def boot_nic(nics: Sequence[RedfishNic], *, more: int = 0) -> BootNic:
    """The boot NIC, where it is certain. `more` are the NICs, at least, that the service has beyond those that it listed."""
    own = [one for one in nics if not one.host_interface]
    if not own and not more:
        return BootNic(None, "Redfish lists no NIC of the machine")
    if more:
        return BootNic(None, f"Redfish has {more} NICs or more that it does not list")
    if unreadable := [one for one in own if one.address is None]:
        why = next((f" ({one.fault})" for one in unreadable if one.fault), "")
        return BootNic(None, f"Redfish tells no MAC address of {_named(unreadable)}{why}")
    if len(own) > 1:
        return BootNic(None, f"Redfish lists {len(own)} NICs ({_named(own)}): their order of boot is not known")
    only = own[0]
    if only.mac and only.permanent and only.mac != only.permanent:
        return BootNic(None, f"Redfish tells two MAC addresses of {only.name}: {only.mac} and {only.permanent}")
    if not only.enabled:
        return BootNic(None, f"Redfish reports its only NIC {only.name} as disabled")
    if only.link is not True and only.told:
        return BootNic(None, f"Redfish reports {'no link' if only.link is False else 'no link status'} of {only.name}")
    return BootNic(only.address)


def macs_of(nics: Sequence[RedfishNic]) -> tuple[str, ...]:
    """The MACs of the machine's own NICs, those with a link first."""
    own = sorted((one for one in nics if one.address and not one.host_interface), key=lambda one: one.link is not True)
    return tuple(dict.fromkeys(one.address for one in own if one.address))


def _is_host_interface(said: Mapping[str, object], path: str, address: str | None) -> bool:
    addresses = [one for key in ("IPv4Addresses", "IPv6Addresses") for one in _addresses(said.get(key))]
    if any(one.version == 4 for one in addresses) and all(one.is_link_local for one in addresses):
        return True
    if address and is_locally_administered(address) and not address.startswith(VIRTUAL_MACHINES):
        # Chosen by software, unless it is called the factory's and the NIC has an address that is routed.
        of_factory = mac(said.get("PermanentMACAddress")) == address
        return not (of_factory and any(not one.is_link_local for one in addresses))
    words = [exact(said.get(key)) for key in ("Id", "Name", "Description", "EthernetInterfaceType", "InterfaceName")]
    links = said.get("Links")
    linked = isinstance(links, dict) and bool(links.get("HostInterface") or links.get("HostInterfaces"))
    return linked or bool(_HOST_INTERFACE.search(" ".join([*words, path.rstrip("/").rpartition("/")[2]]).lower()))


def _addresses(value: object) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = []
    for one in value if isinstance(value, list) else ():
        text = exact(one.get("Address"), 80).partition("/")[0] if isinstance(one, dict) else ""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not address.is_unspecified:
            found.append(address)
    return found


def _named(nics: Sequence[RedfishNic]) -> str:
    more = f" and {len(nics) - MOST_LISTED} more" if len(nics) > MOST_LISTED else ""
    return ", ".join(one.name or "?" for one in nics[:MOST_LISTED]) + more
