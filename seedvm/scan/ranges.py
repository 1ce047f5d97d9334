"""Declared address ranges: "10.0.0.5", "10.0.0.5-10.0.0.9", "10.0.0.5-9", "10.0.0.0/24", as one list of addresses.

Refuses what is not an IPv4 range, ranges that run backwards, and more than a /12 at once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from seedvm.errors import SeedvmError

MOST = 1 << 20


def addresses(ranges: Iterable[str]) -> tuple[str, ...]:
    """Every address once, in ascending order."""
    numbers: set[int] = set()
    for text in ranges:
        first, last = _bounds(text.strip())
        if len(numbers) + last - first + 1 > MOST:
            raise SeedvmError(
                f"the range {text} holds too many addresses",
                why=f"at most {MOST} are scanned at once",
                hint="name the BMC network more narrowly",
            )
        numbers.update(range(first, last + 1))
    return tuple(str(ipaddress.IPv4Address(number)) for number in sorted(numbers))


def _bounds(text: str) -> tuple[int, int]:
    try:
        if "/" in text:
            network = ipaddress.IPv4Network(text, strict=False)
            skip = 1 if network.prefixlen < 31 else 0
            return int(network.network_address) + skip, int(network.broadcast_address) - skip
        start, _, end = (part.strip() for part in text.partition("-"))
        first = ipaddress.IPv4Address(start)
        if end.isdigit():
            end = f"{start.rpartition('.')[0]}.{end}"
        last = ipaddress.IPv4Address(end or start)
    except ValueError as error:
        raise SeedvmError(
            f"{text!r} is not an address range", why=str(error), hint="write 10.0.0.20-10.0.0.40"
        ) from None
    if last < first:
        raise SeedvmError(f"the range {text} runs backwards", hint=f"write {last}-{first}")
    return int(first), int(last)
