"""DHCP as network boot firmware speaks it (RFC 2131, 2132, 4578), on a raw packet socket: the NIC has no address yet.

Packets are made and read by pure functions. It refuses replies to others, and takes the first offer that names a boot file.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import struct
import time
import uuid as uuids
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
_MAGIC = b"\x63\x82\x53\x63"
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_ASKED = bytes([1, 3, 6, 12, 15, 43, 54, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135, 150, 175])
_WAITS = (1.0, 2.0, 4.0, 8.0)
_GRACE = 1.5  # how long an offer without a boot file waits for a better one
_ETH_P_IP = 0x0800


@dataclass(frozen=True)
class FirmwareLease:
    """What a server gave. `boot_file` is empty when it offers an address alone."""

    address: ipaddress.IPv4Interface
    server: ipaddress.IPv4Address
    router: ipaddress.IPv4Address | None
    next_server: ipaddress.IPv4Address
    boot_file: str


@dataclass(frozen=True)
class DhcpReply:
    """A DHCP packet from a server, as far as firmware looks."""

    kind: int
    xid: int
    your: ipaddress.IPv4Address
    next_server: ipaddress.IPv4Address
    file: str
    options: Mapping[int, bytes]

    def lease(self) -> FirmwareLease | None:
        mask, server = self.options.get(1, b"\xff\xff\xff\0"), self.options.get(54, b"")
        if len(server) != 4 or len(mask) != 4:
            return None
        named = self.options.get(66, b"").rstrip(b"\0").decode(errors="replace")
        source = ipaddress.IPv4Address(server)
        following = self.next_server if int(self.next_server) else _address(named) or source
        router = self.options.get(3, b"")[:4]
        return FirmwareLease(
            ipaddress.IPv4Interface(f"{self.your}/{ipaddress.IPv4Address(mask)}"),
            source,
            ipaddress.IPv4Address(router) if len(router) == 4 else None,
            following,
            self.options.get(67, b"").rstrip(b"\0").decode(errors="replace") or self.file,
        )


def message(
    kind: int, xid: int, mac: bytes, uuid: uuids.UUID, *, ipxe: bool, extra: Mapping[int, bytes] | None = None
) -> bytes:
    """A client's packet: BIOS x86 (option 93), the machine's UUID (97), and user class iPXE in the second stage."""
    options: dict[int, bytes] = {
        53: bytes([kind]),
        55: _ASKED,
        57: struct.pack("!H", 1472),
        60: b"PXEClient:Arch:00000:UNDI:002001",
        93: struct.pack("!H", 0),
        94: b"\x01\x02\x01",
        97: b"\0" + uuid.bytes_le,
    }
    if ipxe:
        options[77] = b"iPXE"
        options[175] = bytes([0x13, 1, 1, 0x10, 1, 2, 0xEB, 3, 1, 21, 1])  # http, PXE API, version 1.21.1
    options.update(extra or {})
    fixed = _FIXED.pack(1, 1, 6, 0, xid, 0, 0x8000, bytes(4), bytes(4), bytes(4), bytes(4), mac, b"", b"")
    body = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
    return (fixed + _MAGIC + body + b"\xff").ljust(300, b"\0")


def read(packet: bytes) -> DhcpReply | None:
    """A server's packet, or None when it is not one."""
    if len(packet) < _FIXED.size + 4 or packet[0] != 2 or packet[_FIXED.size : _FIXED.size + 4] != _MAGIC:
        return None
    fields = _FIXED.unpack_from(packet)
    options = dict(_options(packet[_FIXED.size + 4 :]))
    if len(options.get(53, b"")) != 1:
        return None
    file = fields[13].split(b"\0")[0].decode(errors="replace")
    your, following = ipaddress.IPv4Address(fields[8]), ipaddress.IPv4Address(fields[9])
    return DhcpReply(options[53][0], fields[4], your, following, file, options)


def frame(mac: bytes, payload: bytes) -> bytes:
    """The payload as an Ethernet broadcast from port 68 to 67, without an address of its own."""
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return b"\xff" * 6 + mac + struct.pack("!H", _ETH_P_IP) + head + udp + payload


def unframe(packet: bytes) -> bytes | None:
    """The payload of a frame to UDP port 68; None for anything else. Checksums are the sender's card's, they are not looked at."""
    ip = packet[14:]
    if len(packet) < 42 or packet[12:14] != b"\x08\x00" or ip[0] >> 4 != 4 or ip[9] != 17:
        return None
    udp = ip[(ip[0] & 15) * 4 :]
    if len(udp) < 8 or struct.unpack_from("!H", udp, 2)[0] != 68:
        return None
    return udp[8:]


def ask(interface: str, mac: bytes, uuid: uuids.UUID, *, ipxe: bool) -> FirmwareLease | None:
    """DISCOVER, OFFER, REQUEST, ACK on an interface, up to 15 s; None when nobody answers."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP)) as wire:
        wire.bind((interface, _ETH_P_IP))
        xid = int.from_bytes(os.urandom(4), "big")
        offer = _discover(wire, xid, mac, uuid, ipxe)
        if offer is None:
            return None
        chosen = {50: offer.your.packed, 54: offer.options[54]}
        for wait in _WAITS[:3]:
            wire.send(frame(mac, message(REQUEST, xid, mac, uuid, ipxe=ipxe, extra=chosen)))
            for reply in _replies(wire, xid, time.monotonic() + wait):
                if reply.kind == ACK:
                    return reply.lease()
                if reply.kind == NAK:
                    return None
    return None


def _discover(wire: socket.socket, xid: int, mac: bytes, uuid: uuids.UUID, ipxe: bool) -> DhcpReply | None:
    second_best: DhcpReply | None = None
    for wait in _WAITS:
        wire.send(frame(mac, message(DISCOVER, xid, mac, uuid, ipxe=ipxe)))
        begin = time.monotonic()
        until = begin + wait
        for reply in _replies(wire, xid, until):
            lease = reply.lease() if reply.kind == OFFER else None
            if lease is None:
                continue
            if lease.boot_file:
                return reply
            second_best = second_best or reply
            if time.monotonic() > begin + _GRACE:
                break
        if second_best is not None:
            return second_best
    return None


def _replies(wire: socket.socket, xid: int, until: float) -> Iterator[DhcpReply]:
    while (left := until - time.monotonic()) > 0:
        if not select.select([wire], [], [], left)[0]:
            return
        payload = unframe(wire.recv(4096))
        reply = read(payload) if payload else None
        if reply is not None and reply.xid == xid:
            yield reply


def _options(raw: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(raw) and raw[at] != 255:
        if raw[at] == 0:
            at += 1
            continue
        if at + 2 > len(raw):
            return
        length = raw[at + 1]
        yield raw[at], raw[at + 2 : at + 2 + length]
        at += 2 + length


def _address(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _checksum(header: bytes) -> int:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
