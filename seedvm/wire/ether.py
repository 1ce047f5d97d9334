"""Ethernet frames as a listener sees them: VLAN tag, ARP, LLDP, and UDP over IPv4 or IPv6.

Source: IEEE 802.1Q, RFC 826 (ARP), IEEE 802.1AB section 8 (LLDP), RFC 768, 791, 8200. Refused here: fragments,
IPv6 extension headers, and TLVs that run over the end.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from seedvm.foreign.text import is_clean, shown
from seedvm.wire import WireError

IPV4, ARP, VLAN, IPV6, LLDP = 0x0800, 0x0806, 0x8100, 0x86DD, 0x88CC
LONGEST_802_3 = 1500  # a type field of at most this is a length (IEEE 802.3 section 3.2.6)
UDP, ICMPV6 = 17, 58
CHASSIS_MAC, CHASSIS_ADDRESS = 4, 5  # subtypes of ids in LLDP (8.5.2, 8.5.3)
PORT_MAC, PORT_ADDRESS = 3, 4


@dataclass(frozen=True)
class Frame:
    """A frame without its header. `vlan` is None where it is not tagged."""

    source: str
    kind: int
    vlan: int | None
    payload: bytes


@dataclass(frozen=True)
class Arp:
    """Who says that which IPv4 address is its own; `probe` (RFC 5227) says nothing yet."""

    mac: str
    address: str
    probe: bool


@dataclass(frozen=True)
class Ipv6:
    """The head of an IPv6 packet; `kind` is the next header's number, `data` what follows the fixed header."""

    source: str
    kind: int
    data: bytes

    @property
    def link_local(self) -> bool:
        return ipaddress.IPv6Address(self.source).is_link_local


@dataclass(frozen=True)
class Lldp:
    """What a switch says of the port at the other end."""

    chassis: str
    port: str
    port_description: str = ""
    system: str = ""
    vlan: int | None = None


@dataclass(frozen=True)
class Datagram:
    """A UDP datagram."""

    source: str
    source_port: int
    port: int
    data: bytes


def mac_text(raw: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in raw)


def parse_frame(raw: bytes) -> Frame:
    """The frame's source, type and payload; one VLAN tag is taken off."""
    if len(raw) < 14:
        raise WireError(f"Ethernet: {len(raw)} bytes")
    (kind,) = struct.unpack_from(">H", raw, 12)
    if kind != VLAN:
        return Frame(mac_text(raw[6:12]), kind, None, raw[14:])
    if len(raw) < 18:
        raise WireError("Ethernet: VLAN tag")
    tag, kind = struct.unpack_from(">HH", raw, 14)
    return Frame(mac_text(raw[6:12]), kind, tag & 0x0FFF, raw[18:])


def parse_arp(payload: bytes) -> Arp:
    """Decode ARP for IPv4 over Ethernet: the sender's side of it."""
    if len(payload) < 28 or payload[:6] != b"\x00\x01\x08\x00\x06\x04":
        raise WireError("ARP: not IPv4 over Ethernet")
    address = str(ipaddress.IPv4Address(payload[14:18]))
    return Arp(mac_text(payload[8:14]), address, payload[14:18] == b"\x00" * 4)


def parse_ipv6(frame: Frame) -> Ipv6:
    """The source and the payload of an IPv6 packet (RFC 8200 section 3)."""
    data = frame.payload
    if frame.kind != IPV6 or len(data) < 40 or data[0] >> 4 != 6:
        raise WireError("not IPv6")
    length = int.from_bytes(data[4:6], "big")
    return Ipv6(str(ipaddress.IPv6Address(data[8:24])), data[6], data[40 : 40 + length])


def parse_lldp(payload: bytes) -> Lldp:
    """Decode an LLDP data unit: chassis and port, what they are called, and the port's VLAN."""
    found: dict[int, bytes] = {}
    vlan = None
    at = 0
    while at + 2 <= len(payload):
        (head,) = struct.unpack_from(">H", payload, at)
        kind, length = head >> 9, head & 0x01FF
        value = payload[at + 2 : at + 2 + length]
        if len(value) != length:
            raise WireError(f"LLDP: TLV {kind} runs over the end")
        if kind == 0:
            break
        if kind == 127 and length >= 6 and value[:4] == b"\x00\x80\xc2\x01":
            vlan = int.from_bytes(value[4:6], "big")
        found.setdefault(kind, value)
        at += 2 + length
    if not {1, 2} <= set(found):
        raise WireError("LLDP: no chassis or no port")
    chassis, port = _identity(found[1], CHASSIS_MAC, CHASSIS_ADDRESS), _identity(found[2], PORT_MAC, PORT_ADDRESS)
    return Lldp(chassis, port, _text(found.get(4, b"")), _text(found.get(5, b"")), vlan)


def _identity(value: bytes, mac_subtype: int, address_subtype: int) -> str:
    """A chassis or port id by its subtype (8.5.2, 8.5.3): MACs (of 6 or 8 bytes) and network addresses as such, names as text. What is
    binary, whatever its subtype says, is hexadecimal."""
    if len(value) < 2:
        raise WireError("LLDP: empty id")
    subtype, data = value[0], value[1:]
    if subtype == mac_subtype and len(data) in (6, 8):
        return mac_text(data)
    if subtype == address_subtype:
        return _network_address(data[0], data[1:])
    return _name(data) or data.hex()


def _network_address(family: int, data: bytes) -> str:
    """An address by its IANA family number: IPv4, IPv6, MACs; else, and where its length does not fit, all of it in hexadecimal."""
    if (family, len(data)) in ((1, 4), (2, 16)):
        return str(ipaddress.ip_address(data))
    if (family, len(data)) in ((6, 6), (6, 8)):
        return mac_text(data)
    return bytes((family, *data)).hex()


def _name(data: bytes) -> str:
    """A name as text, without the NUL bytes and spaces that pad it; "" where it is none."""
    try:
        text = data.rstrip(b"\0").decode().strip()
    except UnicodeDecodeError:
        return ""
    return shown(text) if is_clean(text) else ""


def _text(value: bytes) -> str:
    """A description, in UTF-8 as the standard asks, or in Latin-1 as older switches have it."""
    data = value.partition(b"\0")[0]
    try:
        return shown(data.decode())
    except UnicodeDecodeError:
        return shown(data.decode("latin-1"))


def parse_udp(frame: Frame) -> Datagram:
    """Decode the UDP datagram of a frame."""
    data = frame.payload
    if frame.kind == IPV4:
        if len(data) < 20 or data[0] >> 4 != 4 or data[0] & 0x0F < 5 or data[9] != UDP:
            raise WireError("not UDP over IPv4")
        if struct.unpack_from(">H", data, 6)[0] & 0x3FFF:
            raise WireError("a fragment")
        source, data = str(ipaddress.IPv4Address(data[12:16])), data[(data[0] & 0x0F) * 4 :]
    elif frame.kind == IPV6:
        if len(data) < 40 or data[0] >> 4 != 6 or data[6] != UDP:
            raise WireError("not UDP over IPv6")
        source, data = str(ipaddress.IPv6Address(data[8:24])), data[40:]
    else:
        raise WireError("not IP")
    if len(data) < 8:
        raise WireError("UDP: no header")
    source_port, port, length, _ = struct.unpack_from(">HHHH", data)
    return Datagram(source, source_port, port, data[8 : max(8, length)])
