"""The values of a list as types: addresses, MACs, drivers, passwords. What is a placeholder, or was damaged by a spreadsheet, is refused.

Each function raises ValueError with a reason that fits after the cell's place. No reason contains a password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from seedvm.base.secret import Secret
from seedvm.foreign import identity
from seedvm.foreign.text import is_clean, shown
from seedvm.machines.lists import placeholders
from seedvm.machines.lists.placeholders import refuse_placeholder

DRIVERS = {
    "ipmi": "ipmi",
    "ipmitool": "ipmi",
    "pxe_ipmitool": "ipmi",
    "pxe_ipmitool_socat": "ipmi",
    "agent_ipmitool": "ipmi",
    "agent_ipmitool_socat": "ipmi",
    "intel_ipmi": "ipmi",
    "lanplus": "ipmi",
    "redfish": "redfish",
    "pxe_redfish": "redfish",
    "idrac": "idrac",
    "idrac_redfish": "idrac",
    "drac": "idrac",
    "pxe_drac": "idrac",
    "pxe_drac_inspector": "idrac",
    # Removed from Ironic; these BMCs support Redfish.
    "ilo": "redfish",
    "pxe_ilo": "redfish",
    "iscsi_ilo": "redfish",
    "agent_ilo": "redfish",
    "irmc": "redfish",
    "pxe_irmc": "redfish",
    "iscsi_irmc": "redfish",
    "agent_irmc": "redfish",
    "xcc": "redfish",
    "xclarity": "redfish",
    "ibmc": "redfish",
}
FAMILIES = {
    "ipmi": {"ipmi"},
    "redfish": {"redfish", "ilo", "irmc", "xcc", "ibmc"},
    "idrac": {"redfish", "idrac", "drac"},
}
"""The words of a driver's own keys: a node may have those of several protocols."""
USUAL_PORTS = {"ipmi": (623,), "redfish": (443,), "idrac": (443, 623)}
# Metal3's schemes too; those that say http are refused.
_SCHEME = re.compile(
    r"(?:https|ipmi|ipmitool|irmc|ibmc|(?:redfish|idrac|ilo[456]?)(?:-redfish)?(?:-virtualmedia|-uefihttp)?)?"
)
_DIRT = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u200b": "", "\ufeff": "", "\u201c": '"', "\u201d": '"'}
)
_MAC_WITHIN = re.compile(
    r"(?<![\w.:-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})(?![\w.:-])"
)
_NIC_NAME = re.compile(r"[A-Za-z0-9#][\w.#-]{0,20}")
_OF_BMC = re.compile(r"(bmc|ipmi|i?drac|ilo|imm|xcc|irmc|i?mgmt|management|oob)\d*$", re.IGNORECASE)
_EXCEL_TEXT = re.compile(r'="((?:[^"]|"")*)"')


@dataclass(frozen=True)
class BmcEndpoint:
    """Where a list says that a BMC answers; `scheme` and `port` only where it says so."""

    address: str
    scheme: str = field(default="", compare=False)
    port: int | None = field(default=None, compare=False)
    system: str = field(default="", compare=False)
    """The path of one system, where the URL names one."""
    prefix: str = field(default="", compare=False)
    """The prefix length, as NetBox writes it behind an address."""


def clean(text: str) -> str:
    """A cell without the dirt around it."""
    return text.translate(_DIRT).strip().strip("'\"").strip()


def unwrapped(text: str) -> str:
    """The text of a spreadsheet's `="0123"`, which keeps leading zeros; any other text as it is."""
    found = _EXCEL_TEXT.fullmatch(text.strip())
    return found[1].replace('""', '"') if found else text


def is_nothing(text: str) -> bool:
    """Whether a cell is empty, or holds a word for that."""
    return not clean(text) or placeholders.is_nothing(clean(text))


def word_of(text: str) -> str:
    """A name or user; placeholders and invisible characters are refused."""
    text = clean(text)
    refuse_placeholder(text)
    return _visible(text)


def password_of(text: str) -> Secret:
    """A password exactly as it is written: never cleaned, never shown."""
    refuse_placeholder(text)
    if placeholders.is_nothing(text):
        raise ValueError("is a word for nothing, not a password: leave it empty")
    if text != text.strip() or text.translate(_DIRT) != text:
        raise ValueError("has a space at its start or end, or a special space or curly quote in it: remove it")
    return Secret(_visible(text))


def endpoint_of(text: str) -> BmcEndpoint:
    """An IPv4 or IPv6 address, with or without scheme and port, as Ironic's redfish_address has them."""
    raw = clean(text)
    refuse_placeholder(raw)
    said = f"'{shown(text, 60)}'"
    if identity.mac(raw):
        raise ValueError(f"{said} is a MAC address, not the BMC's IP address")
    if re.fullmatch(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", raw) and raw.count(":") > 1:
        return BmcEndpoint(_ip(raw, said))
    if "%" in raw and ":" in raw:
        raise ValueError(f"{said} is valid on one link only: enter an address without a zone")
    scheme, _, rest = raw.rpartition("://")
    if not scheme and "/" in rest:
        return _with_prefix(rest, said)
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError:
        _ip(rest, said)  # says why
        raise ValueError(f"{said} is not an address") from None
    if parts.username is not None:
        raise ValueError("contains a user name in the URL: put it into the user's own field")
    if re.search(r"[,; ]", rest.strip()):
        raise ValueError(
            f"{said} is not an address alone: each BMC needs a row of its own, with nothing else in the cell"
        )
    system = parts.path.rstrip("/") if "/systems/" in parts.path.lower() else ""
    return BmcEndpoint(_ip(parts.hostname or "", said), scheme.lower().rpartition("+")[2], port, system)


def _with_prefix(text: str, said: str) -> BmcEndpoint:
    """An address with its prefix length: a host's, not a whole network."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(f"{said} is not an address") from None
    if found.ip == found.network.network_address and found.network.num_addresses > 2:
        raise ValueError(f"{said} is a network, not an address: enter the address of one BMC")
    return BmcEndpoint(str(found.ip), prefix=text.partition("/")[2])


def _ip(text: str, said: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if text.lower() in ("dhcp", "static", "auto", "dynamic"):
        raise ValueError(f"{said} is not an address: enter the BMC's IP address")
    if re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", text):
        raise ValueError(f"{said} is a host name, not an address: enter the BMC's IP address")
    if re.fullmatch(r"[0-9.]+\s*(?:-|to|\.\.)\s*[0-9.]+|.*\[\d+-\d+\].*", text):
        raise ValueError(f"{said} is a range: each BMC needs a row of its own")
    if re.fullmatch(r"0*[0-9]{1,3}(?:\.0*[0-9]{1,3}){3}", text) and re.search(r"\b0[0-9]", text):
        raise ValueError(f"{said} is not an address: enter its numbers without leading zeros")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?(E\+[0-9]+)?", text):
        raise ValueError(f"{said} is not an address; a spreadsheet may have made a number of it: format it as text")
    raise ValueError(f"{said} is not an address")


def refuse_port(endpoint: BmcEndpoint, driver: str | None) -> None:
    """Raise ValueError for a port or scheme on which no BMC is contacted."""
    if not _SCHEME.fullmatch(endpoint.scheme):
        raise ValueError(f"{endpoint.scheme}:// is not supported: a login is sent by https or IPMI only")
    usual = USUAL_PORTS.get(driver or "", (443, 623))
    if endpoint.port is not None and endpoint.port not in usual:
        raise ValueError(
            f"port {endpoint.port} is not supported: BMCs are contacted on UDP 623 (IPMI) and TCP 443 (Redfish) only"
        )


def mac_of(text: str) -> str:
    """A MAC in any notation as aa:bb:cc:dd:ee:ff."""
    raw = clean(text)
    refuse_placeholder(raw)
    found = identity.mac(raw) or identity.mac(re.sub(r"[\s:.\-]", "", raw))
    if found:
        return found
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?E\+[0-9]+", raw, re.IGNORECASE):
        raise ValueError(f"'{shown(raw, 60)}' is a number that a spreadsheet made of a MAC address: format it as text")
    digits = re.sub(r"[\s:.\-]", "", raw)
    if re.fullmatch(r"[0-9A-Fa-f]{12}", digits):
        raise ValueError(f"'{shown(raw, 60)}' is not the MAC address of a NIC")
    raise ValueError(f"'{shown(raw, 60)}' is not a MAC address")


def macs_of(text: str) -> tuple[str, ...]:
    """The MACs of one cell, which may hold several, each with the name of its NIC: `52:54:00:aa:00:01 (eth0)`."""
    parts: list[str] = []
    for chunk in re.split(r"[,;|/\n]", clean(text)):
        parts += _named_macs(chunk) or re.split(r"\s+(?=[0-9A-Fa-f]{2}[:\-])|\s+(?=[0-9A-Fa-f]{12}\b)", chunk)
    return tuple(dict.fromkeys(mac_of(part) for part in parts if not is_nothing(part)))


def _named_macs(text: str) -> list[str]:
    """The MACs in a text that holds names of NICs besides; none where it holds anything else. Raises ValueError for the BMC's own."""
    found = [one[0] for one in _MAC_WITHIN.finditer(text)]
    names = [name for name in re.split(r"[\s()\[\]{}<>=:]+", _MAC_WITHIN.sub(" ", text)) if name.strip("-")]
    if not found or not all(_NIC_NAME.fullmatch(name) for name in names):
        return []
    if any(_OF_BMC.match(name) for name in names):
        raise ValueError(f"'{shown(text, 60)}' is called the BMC's own: enter the MAC addresses of the machine's NICs")
    return found if not names or any(re.search("[G-Zg-z]", name) for name in names) else []


def driver_of(text: str) -> str:
    """Ironic's driver today."""
    name = re.sub(r"[\s_-]+", "_", clean(text).lower())
    known = next((DRIVERS[one] for one in (name, re.sub(r"_?v?[0-9.]+$", "", name)) if one in DRIVERS), None)
    if known is None:
        refuse_placeholder(text)
        supported = ", ".join(sorted({*DRIVERS.values()}))
        raise ValueError(f"'{shown(text, 40)}' is not supported; use one of: {supported}")
    return known


def _visible(text: str) -> str:
    """The text; ValueError where a character in it controls a terminal or cannot be seen."""
    if not is_clean(text):
        odd = [char for char in text if not is_clean(char)]
        raise ValueError(f"contains a control or invisible character (U+{ord(odd[0]):04X}): remove it")
    return text


_MOST_UNIT = 99
_UNITS = re.compile(
    r"(?:r?u|units?|he|ou)?\s*0*([0-9]{1,2})(?:\.0)?\s*(?:u|he)?"
    r"(?:\s*(?:-|\u2013|to|/|\.\.)\s*(?:r?u)?\s*0*([0-9]{1,2})\s*u?)?",
    re.IGNORECASE,
)


def rack_of(text: str) -> str:
    """A rack's name: a word or a few."""
    name = clean(text)
    if not name or len(name) > 32 or not is_clean(name):
        raise ValueError(f"'{shown(name, 40)}' is not the name of a rack")
    return re.sub(r"(?i)^rack[\s_:-]+", "", name) or name


def units_of(text: str) -> tuple[int, int | None]:
    """The lowest unit and, where a range is said, the height: `21`, `U21`, `RU 21`, `21-22`."""
    found = _UNITS.fullmatch(clean(text))
    low, high = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not 0 < low <= _MOST_UNIT or (high and not low <= high <= _MOST_UNIT):
        raise ValueError(f"'{shown(text, 20)}' is not a rack unit like 21 or U21")
    return low, high - low + 1 if high else None


def height_of(text: str) -> int:
    """A height in units: `2`, `2U`."""
    found = re.fullmatch(r"([0-9]{1,2})(?:\.0)?\s*(?:r?u|units?|he)?", clean(text), re.IGNORECASE)
    if found is None or not 0 < int(found[1]) <= 48:
        raise ValueError(f"'{shown(text, 20)}' is not a height in rack units")
    return int(found[1])
