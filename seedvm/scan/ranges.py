"""Declared address ranges as one list of addresses, and the wires whose link-local BMCs are declared.

"10.0.0.5", "10.0.0.5-10.0.0.9", "10.0.0.5-9", "10.0.0.0/24", "fd00::5-fd00::9", "fe80::1%eth1" name addresses; "fe80::/10%eth1"
names every link-local neighbour on eth1. Refuses what is none of these, ranges that are reversed, more than a /12 at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from seedvm.base import addresses as addr
from seedvm.base.errors import SeedvmError

MOST = 1 << 20
LINK_LOCAL = "fe80::/10%"


def on_wire(interface: str) -> str:
    """The range that names every link-local neighbour on a wire."""
    return LINK_LOCAL + interface


def wires(ranges: Iterable[str]) -> tuple[str, ...]:
    """The interfaces whose link-local neighbours are declared, each once."""
    texts = (text.strip() for text in ranges)
    return tuple(dict.fromkeys(text[len(LINK_LOCAL) :] for text in texts if _is_wire(text)))


def addresses(ranges: Iterable[str]) -> tuple[str, ...]:
    """Every address that is named once, in ascending order; link-local neighbours are not known yet and not in it."""
    numbers: set[tuple[int, int, str]] = set()
    for text in (text.strip() for text in ranges):
        if _is_wire(text):
            continue
        version, first, last, zone = _bounds(text)
        if len(numbers) + last - first + 1 > MOST:
            raise SeedvmError(
                f"the range {text} has too many addresses",
                why=f"at most {MOST} are scanned at once",
                hint="narrow the range to the BMC network",
            )
        numbers.update((version, number, zone) for number in range(first, last + 1))
    return tuple(_text(*one) for one in sorted(numbers))


def _is_wire(text: str) -> bool:
    return text.startswith(LINK_LOCAL) and len(text) > len(LINK_LOCAL)


def _text(version: int, number: int, zone: str) -> str:
    if version == 4:
        return str(ipaddress.IPv4Address(number))
    return f"{ipaddress.IPv6Address(number)}{'%' + zone if zone else ''}"


def _bounds(text: str) -> tuple[int, int, int, str]:
    """Version, first, last, zone."""
    try:
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            if network.is_link_local and network.version == 6:
                raise ValueError("link-local addresses need their interface")
            skip = 1 if network.version == 4 and network.prefixlen < 31 else 0
            return network.version, int(network.network_address) + skip, int(network.broadcast_address) - skip, ""
        start, _, end = (part.strip() for part in text.partition("-"))
        if end and "%" in start:  # an interface's name may hold a hyphen
            start, end = text, ""
        first = addr.parse(start)
        if first.version == 4 and end.isdigit():
            end = f"{start.rpartition('.')[0]}.{end}"
        last = addr.parse(end or start)
        if first.version != last.version:
            raise ValueError("both ends must be of the same address family")
    except ValueError as error:
        raise SeedvmError(
            f"{text!r} is not an address range",
            why=str(error),
            hint="write 10.0.0.20-10.0.0.40, or fe80::/10%eth1 for link-local BMCs on eth1",
        ) from None
    if int(last) < int(first):
        raise SeedvmError(f"the range {text} is reversed", hint=f"write {last}-{first}")
    return first.version, int(first), int(last), getattr(first, "scope_id", None) or ""
