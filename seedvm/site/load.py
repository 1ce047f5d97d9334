"""Reads site.yaml and refuses it as a whole, with every problem by name and line.

Refused: unknown or missing keys, wrong addresses, overlapping ranges, duplicate addresses and MACs."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from pathlib import Path

from seedvm.base import addresses
from seedvm.base.errors import InvalidFile, SeedvmError, in_words
from seedvm.base.yaml_cursor import Cursor, Findings, open_tree
from seedvm.site.model import (
    AddressRange,
    AddressSet,
    BmcSite,
    Needs,
    Provisioning,
    Role,
    SeedSite,
    Site,
    SiteMachine,
    UndercloudSite,
)

_ROLES: dict[str, Role] = {"undercloud": "undercloud", "spare": "spare", "exclude": "exclude"}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_RACK = re.compile(r"[^\W_](?:[\w .:/-]{0,30}\w)?")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def load_site(path: Path) -> Site:
    """Read and validate; an InvalidFile holds every problem."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise SeedvmError(
            f"there is no {path}", why="the site is not described yet", hint="create it with seedvm wizard"
        ) from None
    except OSError as error:
        raise in_words(error) from error
    except UnicodeDecodeError as error:
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
        cursor.problem("bmc_interface and bmc_address must be given together")
    vlan = keys["bmc_vlan"].parsed(_vlan) if keys["bmc_vlan"].present else None
    if vlan is not None and not keys["bmc_interface"].present:
        keys["bmc_vlan"].problem("needs bmc_interface, the trunk that carries it")
    if interface is None or own is None:
        return None
    return SeedSite(interface, own, bmc_interface, bmc_address, vlan)


def _vlan(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 4094:
        raise ValueError(f"'{text}' is not a VLAN ID; use 1 to 4094")
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
    keys = cursor.mapping(needed, ("learn_mac_by_power_on", "rotate_passwords", "allow_old_tls", *more))
    ranges = [entry.parsed(AddressRange.parse) for entry in keys["ranges"].sequence()]
    if keys["ranges"].present and not ranges:
        keys["ranges"].problem("is empty; only the addresses listed here are scanned")
    learn = keys["learn_mac_by_power_on"].boolean(False)
    wires = [entry.parsed(_matching(_INTERFACE, "an interface's name")) for entry in keys["link_local"].sequence()]
    rotate = keys["rotate_passwords"].boolean(False)
    old = [entry.parsed(_range_or_single) for entry in keys["allow_old_tls"].sequence()]
    if not cursor.present:
        return None
    found = tuple(one for one in ranges if one is not None)
    allowed = AddressSet(
        tuple(one for one in old if isinstance(one, AddressRange)),
        tuple(one for one in old if isinstance(one, IPv6Address)),
    )
    return BmcSite(found, learn, tuple(dict.fromkeys(one for one in wires if one is not None)), rotate, allowed)


def _range_or_single(text: str) -> AddressRange | IPv6Address:
    if ":" in text:
        address = addresses.parse(text)
        assert isinstance(address, IPv6Address)
        return address
    return AddressRange.parse(text)


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


def _machine(cursor: Cursor) -> SiteMachine | None:
    keys = cursor.mapping(("bmc",), ("mac", "role", "rack", "u", "height"))
    bmc = keys["bmc"].parsed(addresses.parse)
    mac = keys["mac"].parsed(lambda text: _matching(_MAC, "a MAC address like 52:54:00:12:34:56")(text.lower()))
    role = keys["role"].parsed(_role)
    rack = keys["rack"].parsed(_matching(_RACK, "the name of a rack")) if keys["rack"].present else None
    unit = keys["u"].parsed(_unit) if keys["u"].present else None
    height = keys["height"].parsed(_unit) if keys["height"].present else None
    return SiteMachine(bmc, mac, role, rack, unit, height) if bmc is not None else None


def _unit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise ValueError(f"'{text}' is not a number of rack units; use 1 to 99")
    return int(text)


def _role(text: str) -> Role:
    if text not in _ROLES:
        raise ValueError(f"'{text}' is not a role; use one of: {', '.join(_ROLES)}")
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
