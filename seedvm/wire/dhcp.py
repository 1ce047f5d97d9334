"""DHCP for IPv4, as far as it is needed to see who boots and who serves, inside Ethernet frames.

Source: RFC 2131 section 2, RFC 2132 (options 53, 54, 55, 60, 61), RFC 4578 (options 93 and 97). Refused here: fragments
and frames with VLAN tags inside, options that run over the end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from seedvm.foreign.identity import mac_of_bytes
from seedvm.foreign.text import shown_bytes
from seedvm.wire import WireError

MAGIC = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
BROADCAST = b"\xff" * 6
ETHERTYPE_IPV4 = 0x0800


@dataclass(frozen=True)
class Dhcp:
    """A DHCP message. `client_uuid` is option 97's 16 raw bytes, `server` option 54's address; both may be missing."""

    request: bool
    kind: int
    transaction: int
    mac: str
    server: str | None = None
    client_uuid: bytes | None = None
    vendor_class: str = ""
    architecture: int | None = None
    offered: str = "0.0.0.0"


def mac_text(raw: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in raw)


def parse_frame(frame: bytes) -> Dhcp:
    """Decode the DHCP message in an Ethernet frame with IPv4 and UDP port 67 or 68."""
    if len(frame) < 14 + 20 + 8 or struct.unpack_from(">H", frame, 12)[0] != ETHERTYPE_IPV4:
        raise WireError("not IPv4")
    header = (frame[14] & 0x0F) * 4
    if frame[14] >> 4 != 4 or header < 20 or frame[14 + 9] != 17:
        raise WireError("not UDP over IPv4")
    if struct.unpack_from(">H", frame, 14 + 6)[0] & 0x3FFF:
        raise WireError("a fragment")
    start = 14 + header
    if len(frame) < start + 8:
        raise WireError("UDP header")
    ports = set(struct.unpack_from(">HH", frame, start))
    if not ports & {67, 68}:
        raise WireError("not DHCP")
    return parse_dhcp(frame[start + 8 :])


def parse_dhcp(data: bytes) -> Dhcp:
    """Decode a DHCP message (the UDP payload)."""
    if len(data) < 240 or data[236:240] != MAGIC:
        raise WireError(f"DHCP: {len(data)} bytes or no magic cookie")
    if data[0] not in (1, 2) or data[1] != 1 or data[2] != 6:
        raise WireError("DHCP: not Ethernet")
    options = _options(data[240:])
    kind = options.get(53, b"")
    if len(kind) != 1:
        raise WireError("DHCP: no message type")
    mac = mac_of_bytes(data[28:34])
    if mac is None:
        raise WireError("DHCP: the client's address is a group's, or zero")
    server, uuid, arch = options.get(54, b""), options.get(97, b""), options.get(93, b"")
    return Dhcp(
        request=data[0] == 1,
        kind=kind[0],
        transaction=int.from_bytes(data[4:8], "big"),
        mac=mac,
        server=_address(server) if len(server) == 4 else None,
        client_uuid=uuid[1:] if len(uuid) == 17 and uuid[0] == 0 else None,
        vendor_class=shown_bytes(options.get(60)),
        architecture=int.from_bytes(arch[:2], "big") if len(arch) >= 2 else None,
        offered=_address(data[16:20]),
    )


def discover_frame(mac: str, transaction: int) -> bytes:
    """An Ethernet frame with a DHCPDISCOVER that asks for a broadcast answer and names no boot program."""
    raw = bytes.fromhex(mac.replace(":", ""))
    if len(raw) != 6:
        raise WireError(f"{mac} is not a MAC address")
    head = struct.pack(">BBBBIHH16s16s", 1, 1, 6, 0, transaction, 0, 0x8000, b"", raw) + bytes(192) + MAGIC
    options = bytes((53, 1, DISCOVER, 61, 7, 1)) + raw + bytes((55, 2, 1, 54, 255))
    payload = (head + options).ljust(300, b"\x00")
    udp = struct.pack(">HHHH", 68, 67, 8 + len(payload), 0) + payload
    bare = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"", b"\xff" * 4)
    total = sum(struct.unpack(">10H", bare))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    ip = bare[:10] + struct.pack(">H", ~total & 0xFFFF) + bare[12:]
    return BROADCAST + raw + struct.pack(">H", ETHERTYPE_IPV4) + ip + udp


def _options(data: bytes) -> dict[int, bytes]:
    """Options by number; one that is split is joined (RFC 3396)."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        number = data[at]
        if number == 0:
            at += 1
            continue
        if number == 255:
            break
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise WireError(f"DHCP: option {number} runs over the end")
        length = data[at + 1]
        found[number] = found.get(number, b"") + data[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def _address(raw: bytes) -> str:
    return ".".join(str(byte) for byte in raw)
