"""The seed's network as systemd-networkd's files: fixed addresses, and the tagged VLAN of the BMCs where the site names one.

Pure: text by file name. Every file is called `05-seedvm-...`; an interface is ours to remove only if such a .netdev file made it.
Source: systemd.network(5), systemd.netdev(5).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Interface

from seedvm.site.model import Site

PREFIX = "05-seedvm-"


def addresses(site: Site) -> dict[str, IPv4Interface]:
    """The seed's address on each of its interfaces."""
    seed, net = site.seed, site.provisioning
    wanted = {seed.interface: IPv4Interface(f"{seed.address}/{net.cidr.prefixlen}")}
    if seed.bmc_address is not None:
        wanted[seed.bmc_nic] = seed.bmc_address
    return wanted


def files(site: Site) -> dict[str, str]:
    """Every file that this site needs, by name."""
    seed = site.seed
    vlan = seed.bmc_nic if seed.bmc_vlan is not None else None
    made: dict[str, str] = {}
    for name, address in addresses(site).items():
        gateway = str(site.provisioning.gateway) if name == seed.interface else None
        on_trunk = vlan if vlan and name == seed.bmc_interface else None
        unit = network_unit(name, address, gateway, link_local=name in site.bmc.link_local, vlan=on_trunk)
        made[f"{PREFIX}{name}.network"] = unit
    if vlan is not None:
        made[f"{PREFIX}{vlan}.netdev"] = f"[NetDev]\nName={vlan}\nKind=vlan\n\n[VLAN]\nId={seed.bmc_vlan}\n"
        trunk = f"{PREFIX}{seed.bmc_interface}.network"
        made.setdefault(
            trunk, f"[Match]\nName={seed.bmc_interface}\n\n[Network]\nVLAN={vlan}\nLinkLocalAddressing=no\n"
        )
    return made


def stale(there: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Files of ours that the site no longer needs."""
    return tuple(sorted(name for name in set(there) - set(wanted) if name.startswith(PREFIX)))


def made_by(netdev_file: str) -> str:
    """The interface that a .netdev file of ours made."""
    return netdev_file.removeprefix(PREFIX).removesuffix(".netdev")


def network_unit(
    interface: str, address: IPv4Interface, gateway: str | None, *, link_local: bool = False, vlan: str | None = None
) -> str:
    """systemd.network(5) for one interface with a fixed address; `link_local` where BMCs have no other address than such."""
    route = f"Gateway={gateway}\n" if gateway else ""
    tagged = f"VLAN={vlan}\n" if vlan else ""
    quiet = f"LinkLocalAddressing={'ipv6' if link_local else 'no'}\nIPv6AcceptRA=no\nKeepConfiguration=static\n"
    return f"[Match]\nName={interface}\n\n[Network]\nAddress={address}\n{route}{tagged}{quiet}"
