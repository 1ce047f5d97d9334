"""ARP questions: "who has this address?", asked with or without claiming one of our own. Bytes only.

Source: RFC 826, RFC 5227 section 2.1.1 (the sender's address of a probe is 0.0.0.0). Refused: anything but IPv4 over Ethernet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

_ETHERTYPE = 0x0806
_BROADCAST = b"\xff" * 6
_HEAD = struct.pack("!HHBB", 1, 0x0800, 6, 4)
REQUEST, REPLY = 1, 2
NOBODY = IPv4Address(0)


@dataclass(frozen=True)
class Claim:
    """Who says to have which address."""

    address: str
    mac: str


def probe(mac: str, address: IPv4Address, sender_address: IPv4Address = NOBODY) -> bytes:
    """The frame of a question from `mac`: a probe, or a request where we say who asks (some BMCs answer nobody else)."""
    sender = bytes.fromhex(mac.replace(":", ""))
    body = _HEAD + struct.pack("!H", REQUEST) + sender + sender_address.packed + bytes(6) + address.packed
    return _BROADCAST + sender + struct.pack("!H", _ETHERTYPE) + body


def claim(frame: bytes) -> Claim | None:
    """What an ARP frame claims, None for any other frame and for probes."""
    if (
        len(frame) < 42
        or frame[12:14] != struct.pack("!H", _ETHERTYPE)
        or frame[14:20] != _HEAD
        or not any(frame[28:32])
    ):
        return None
    return Claim(str(IPv4Address(frame[28:32])), ":".join(f"{byte:02x}" for byte in frame[22:28]))
