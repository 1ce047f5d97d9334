"""IPMI 1.5 sessions: challenge, activation, and packets with an authentication code.

Source: IPMI v2.0 revision 1.1, sections 13.6 (session header), 22.16 (Get Session Challenge), 22.17 (Activate Session,
with the codes of 22.17.1). Refused here: authentication type none, under which any password would seem right.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from seedvm.wire import WireError
from seedvm.wire.md2 import md2
from seedvm.wire.rmcp import (
    AUTH_NONE,
    CLASS_IPMI,
    NETFN_APP,
    Message,
    encode_request,
    expect,
    parse_response,
    rmcp,
    rmcp_class,
    sessionless,
)

CMD_CHALLENGE = 0x39
CMD_ACTIVATE = 0x3A
PASSWORD_BYTES = 16
NUMBERS = {"md5": 0x02, "md2": 0x01, "password": 0x04}  # the strongest first; "password" travels in the clear
ACTIVATE_REFUSALS = {  # 22.17
    0x81: "no session slot is free",
    0x82: "no session slot is free for this user",
    0x83: "no session slot is free for this privilege",
    0x84: "the session's sequence number is out of range",
    0x85: "the challenge is no longer valid",
    0x86: "the privilege is above the user's or the channel's limit",
}
NO_SLOT = (0x81, 0x82, 0x83)
ABOVE_LIMIT = 0x86


@dataclass(frozen=True)
class Challenge:
    """Answer to Get Session Challenge: a temporary session id and 16 bytes to be signed."""

    session: int
    challenge: bytes


@dataclass(frozen=True)
class Activated:
    """Answer to Activate Session. `auth` is the type of all packets after it, `sequence` the first number to send."""

    auth: int
    session: int
    sequence: int
    privilege: int


@dataclass(frozen=True, repr=False)
class Seal:
    """What signs the packets of a session; never shown."""

    auth: int
    session: int
    password: bytes

    def __repr__(self) -> str:
        return f"Seal({self.auth}, {self.session:#x}, ****)"

    def code(self, sequence: int, message: bytes) -> bytes:
        """The authentication code of one packet (22.17.1)."""
        key = self.password.ljust(PASSWORD_BYTES, b"\0")
        if self.auth == NUMBERS["password"]:
            return key
        signed = key + struct.pack("<I", self.session) + message + struct.pack("<I", sequence) + key
        return md2(signed) if self.auth == NUMBERS["md2"] else hashlib.md5(signed, usedforsecurity=False).digest()


def strongest(offered: Iterable[str]) -> str | None:
    """The strongest authentication type among those a BMC offers, None where none of them shows that a password is right."""
    names = set(offered)
    return next((name for name in NUMBERS if name in names), None)


def challenge_request(auth: str, user: str, sequence: int) -> bytes:
    """Get Session Challenge for a user (at most 16 bytes)."""
    name = user.encode()
    if len(name) > 16:
        raise WireError("Get Session Challenge: a user name has at most 16 bytes")
    data = bytes((NUMBERS[auth],)) + name.ljust(16, b"\0")
    return sessionless(encode_request(NETFN_APP, CMD_CHALLENGE, data, sequence))


def parse_challenge(message: Message) -> Challenge:
    """Decode its answer; a completion code other than 0 is the caller's."""
    expect(message, NETFN_APP, CMD_CHALLENGE, 20)
    return Challenge(int.from_bytes(message.data[:4], "little"), message.data[4:20])


def activate_request(seal: Seal, challenge: Challenge, privilege: int, outbound: int, sequence: int) -> bytes:
    """Activate Session, signed. `outbound` is the number with which the BMC begins its own packets."""
    data = bytes((seal.auth, privilege)) + challenge.challenge + struct.pack("<I", outbound)
    return signed(seal, 0, encode_request(NETFN_APP, CMD_ACTIVATE, data, sequence))


def parse_activated(message: Message) -> Activated:
    """Decode its answer."""
    expect(message, NETFN_APP, CMD_ACTIVATE, 10)
    auth, session, sequence, privilege = struct.unpack_from("<BIIB", message.data)
    return Activated(auth & 0x0F, session, sequence, privilege & 0x0F)


def signed(seal: Seal, sequence: int, message: bytes) -> bytes:
    """A packet of a session; without a code where the BMC said that it wants none per message."""
    if len(message) > 0xFF:
        raise WireError(f"session header: {len(message)} bytes of payload")
    head = struct.pack("<BII", seal.auth, sequence, seal.session)
    code = b"" if seal.auth == AUTH_NONE else seal.code(sequence, message)
    return rmcp(CLASS_IPMI, head + code + bytes((len(message),)) + message)


def open_signed(seal: Seal, packet: bytes) -> Message:
    """Check the code of an answer within the session, then decode it."""
    if rmcp_class(packet) != CLASS_IPMI:
        raise WireError("IPMI 1.5: not class IPMI")
    if len(packet) < 14:
        raise WireError(f"IPMI 1.5: {len(packet)} bytes")
    auth, sequence, session = struct.unpack_from("<BII", packet, 4)
    if auth not in (AUTH_NONE, *NUMBERS.values()):
        raise WireError(f"IPMI 1.5: authentication type {auth}")
    at = 13 if auth == AUTH_NONE else 29
    if session != seal.session or len(packet) <= at:
        raise WireError("IPMI 1.5: not of this session")
    message = packet[at + 1 : at + 1 + packet[at]]
    if seal.auth != AUTH_NONE and auth != seal.auth:
        raise WireError("IPMI 1.5: not signed as agreed")
    if auth != AUTH_NONE and not hmac.compare_digest(seal.code(sequence, message), packet[13:29]):
        raise WireError("IPMI 1.5: authentication code")
    return parse_response(message)
