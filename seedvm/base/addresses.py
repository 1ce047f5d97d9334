"""Addresses as text: IPv4, IPv6, and IPv6 with its zone (`fe80::1%eth1`, RFC 4007 section 11): parsed, ordered, put into URLs.

The zone is a part of the address here: the same link-local address on two wires is two hosts. Refuses names.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


def parse(text: str) -> IPv4Address | IPv6Address:
    """The address; a link-local one without its zone is refused, because it does not say on which wire."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.is_link_local and not address.scope_id:
        raise ValueError(f"{text} needs its interface: write for example {text}%eth1")
    return address


def order(text: str) -> tuple[int, int, str]:
    """A key to sort by: IPv4 before IPv6, by number, then by zone; what is no address comes last."""
    try:
        address = ip_address(text)
    except ValueError:
        return (9, 0, text)
    return (address.version, int(address), getattr(address, "scope_id", None) or "")


def bare(text: str) -> str:
    """Without its zone, as headers and certificates have it: a zone means nothing to the other end."""
    return text.partition("%")[0]


def zoned(text: str, interface: str) -> str:
    """With the zone that a link-local address needs to be used; any other address as it is."""
    address = ip_address(text)
    link_local = isinstance(address, IPv6Address) and address.is_link_local and not address.scope_id
    return f"{text}%{interface}" if link_local else text


def in_url(text: str) -> str:
    """As the host of a URL: IPv6 in brackets, the zone's percent sign escaped (RFC 6874 section 2)."""
    return f"[{text.replace('%', '%25')}]" if ":" in text else text


def in_header(text: str) -> str:
    """As an HTTP Host header has it: no zone (RFC 6874 section 4)."""
    return f"[{bare(text)}]" if ":" in text else text


def socket_address(text: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What sendto() takes; raises OSError for a zone that is no interface here."""
    if ":" not in text:
        return (text, port)
    host, _, zone = text.partition("%")
    return (host, port, 0, socket.if_nametoindex(zone) if zone else 0)


def from_socket(origin: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """The text of what recvfrom() gave: a link-local address gets its zone."""
    host = origin[0]
    if len(origin) == 4 and "%" not in host and origin[3] and IPv6Address(host).is_link_local:
        return f"{host}%{socket.if_indextoname(origin[3])}"
    return host
