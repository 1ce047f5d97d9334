"""RMCP+ session setup: open session, RAKP 1 to 4, the keys that come of them, and the offline password test.

Source: IPMI v2.0 revision 1.1, sections 13.17 to 13.24 (messages), 13.28 (algorithms), 13.31 and 13.32 (keys), 22.15.2
(suite ids). Suites 3 and 17 are spoken, suite 0 is only asked for in order to see whether it is granted.
Refused here: choosing random numbers (the caller gives them) and anything weaker than suite 3 for a login.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from seedvm.wire import WireError
from seedvm.wire.rmcp import AUTH_RMCPPLUS, CLASS_IPMI, rmcp, rmcp_class

PAYLOAD_OPEN_REQUEST = 0x10
PAYLOAD_OPEN_RESPONSE = 0x11
PAYLOAD_RAKP1 = 0x12
PAYLOAD_RAKP2 = 0x13
PAYLOAD_RAKP3 = 0x14
PAYLOAD_RAKP4 = 0x15

STATUS_OK = 0x00
STATUS_NO_RESOURCES = 0x01
STATUS_BAD_INTEGRITY_CHECK = 0x0F
STATUS_UNKNOWN_USER = 0x0D
STATUS_NO_PRIVILEGE = 0x09
STATUS_NO_SUITE = 0x11
STATUSES = {  # table 13-15
    0x00: "no error",
    0x01: "insufficient resources for another session",
    0x02: "unknown session id",
    0x03: "invalid payload type",
    0x04: "unsupported authentication algorithm",
    0x05: "unsupported integrity algorithm",
    0x06: "no matching authentication payload",
    0x07: "no matching integrity payload",
    0x08: "inactive session id",
    0x09: "privilege not granted to this user",
    0x0A: "insufficient resources for the requested role",
    0x0B: "insufficient resources for the requested privilege",
    0x0C: "invalid name length",
    0x0D: "unknown user",
    0x0E: "unsupported privilege",
    0x0F: "wrong integrity check value",
    0x10: "unsupported confidentiality algorithm",
    0x11: "no cipher suite matches",
    0x12: "illegal parameter",
}
ADMINISTRATOR = 4
NAME_ONLY = 0x10


@dataclass(frozen=True)
class Suite:
    """A cipher suite by its three algorithm numbers (tables 13-17 to 13-19) and hash."""

    id: int
    authentication: int
    integrity: int
    confidentiality: int
    digest: str
    icv: int

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.digest).digest()

    @property
    def digest_size(self) -> int:
        return hashlib.new(self.digest).digest_size


SUITE_0 = Suite(0, 0, 0, 0, "sha1", 0)
SUITE_3 = Suite(3, 1, 1, 1, "sha1", 12)
SUITE_17 = Suite(17, 3, 4, 1, "sha256", 16)


def status_text(status: int) -> str:
    return STATUSES.get(status, f"status {status:#04x}")


def setup_packet(payload_type: int, payload: bytes) -> bytes:
    """A packet of session setup: RMCP+ header outside of a session, neither encrypted nor authenticated (13.6)."""
    return rmcp(CLASS_IPMI, struct.pack("<BBIIH", AUTH_RMCPPLUS, payload_type, 0, 0, len(payload)) + payload)


def parse_setup_packet(packet: bytes) -> tuple[int, bytes]:
    """(payload type, payload) of a packet of session setup."""
    if rmcp_class(packet) != CLASS_IPMI:
        raise WireError("RMCP+: not class IPMI")
    if len(packet) < 16:
        raise WireError(f"RMCP+: {len(packet)} bytes")
    auth, kind, session, _sequence, length = struct.unpack_from("<BBIIH", packet, 4)
    if auth != AUTH_RMCPPLUS or kind & 0xC0 or session:
        raise WireError("RMCP+: not a packet of session setup")
    if len(packet) - 16 < length:
        raise WireError(f"RMCP+: payload of {length} in {len(packet) - 16} bytes")
    return kind, packet[16 : 16 + length]


def _algorithms(authentication: int, integrity: int, confidentiality: int) -> bytes:
    chosen = enumerate((authentication, integrity, confidentiality))
    return b"".join(bytes((kind, 0, 0, 8, number, 0, 0, 0)) for kind, number in chosen)


@dataclass(frozen=True)
class OpenRequest:
    """RMCP+ Open Session Request (13.17)."""

    tag: int
    console_id: int
    suite: Suite
    privilege: int = ADMINISTRATOR

    def encode(self) -> bytes:
        head = struct.pack("<BBHI", self.tag, self.privilege, 0, self.console_id)
        suite = self.suite
        return head + _algorithms(suite.authentication, suite.integrity, suite.confidentiality)


@dataclass(frozen=True)
class OpenResponse:
    """RMCP+ Open Session Response (13.18). `granted` is the suite by its three numbers; compare it with what was asked."""

    tag: int
    status: int
    console_id: int
    bmc_id: int
    granted: tuple[int, int, int]

    @classmethod
    def decode(cls, payload: bytes) -> OpenResponse:
        tag, status = _tag_and_status(payload, "open session response")
        if status:
            return cls(tag, status, 0, 0, (0, 0, 0))
        if len(payload) < 36:
            raise WireError(f"open session response: {len(payload)} bytes")
        console_id, bmc_id = struct.unpack_from("<II", payload, 4)
        return cls(tag, status, console_id, bmc_id, (payload[16] & 0x3F, payload[24] & 0x3F, payload[32] & 0x3F))

    def grants(self, suite: Suite) -> bool:
        return self.granted == (suite.authentication, suite.integrity, suite.confidentiality)


@dataclass(frozen=True)
class Rakp1:
    """RAKP message 1 (13.20). `role` is the privilege wanted, with NAME_ONLY for a lookup by name alone."""

    tag: int
    bmc_id: int
    console_random: bytes
    user: bytes
    role: int = ADMINISTRATOR | NAME_ONLY

    def encode(self) -> bytes:
        if len(self.user) > 16:
            raise WireError("RAKP 1: a user name has at most 16 bytes")
        if len(self.console_random) != 16:
            raise WireError("RAKP 1: the random number has 16 bytes")
        head = struct.pack("<BBHI", self.tag, 0, 0, self.bmc_id)
        return head + self.console_random + bytes((self.role, 0, 0, len(self.user))) + self.user


@dataclass(frozen=True)
class Rakp2:
    """RAKP message 2 (13.21); `code` is the HMAC keyed by the user's password."""

    tag: int
    status: int
    console_id: int
    bmc_random: bytes
    guid: bytes
    code: bytes

    @classmethod
    def decode(cls, payload: bytes) -> Rakp2:
        tag, status = _tag_and_status(payload, "RAKP 2")
        if status:
            return cls(tag, status, 0, b"", b"", b"")
        if len(payload) < 40:
            raise WireError(f"RAKP 2: {len(payload)} bytes")
        (console_id,) = struct.unpack_from("<I", payload, 4)
        return cls(tag, status, console_id, payload[8:24], payload[24:40], payload[40:])


@dataclass(frozen=True)
class Rakp3:
    """RAKP message 3 (13.22). With a status other than 0 it gives the session slot back and carries no code."""

    tag: int
    bmc_id: int
    code: bytes
    status: int = STATUS_OK

    def encode(self) -> bytes:
        head = struct.pack("<BBHI", self.tag, self.status, 0, self.bmc_id)
        return head if self.status else head + self.code


@dataclass(frozen=True)
class Rakp4:
    """RAKP message 4 (13.23)."""

    tag: int
    status: int
    console_id: int
    code: bytes

    @classmethod
    def decode(cls, payload: bytes) -> Rakp4:
        tag, status = _tag_and_status(payload, "RAKP 4")
        if status:
            return cls(tag, status, 0, b"")
        if len(payload) < 8:
            raise WireError(f"RAKP 4: {len(payload)} bytes")
        (console_id,) = struct.unpack_from("<I", payload, 4)
        return cls(tag, status, console_id, payload[8:])


@dataclass(frozen=True)
class Exchange:
    """What both sides said up to RAKP 2: enough to test any password without another packet."""

    suite: Suite
    console_id: int
    bmc_id: int
    rakp1: Rakp1
    rakp2: Rakp2

    @property
    def _who(self) -> bytes:
        return bytes((self.rakp1.role, len(self.rakp1.user))) + self.rakp1.user

    def accepts(self, password: bytes) -> bool:
        """Whether the BMC knows the user by this password: its code is made again and compared (13.21, 13.31)."""
        said = self.rakp2
        ids = struct.pack("<II", self.console_id, self.bmc_id)
        data = ids + self.rakp1.console_random + said.bmc_random + said.guid + self._who
        mine = self.suite.hmac(password, data)
        return hmac.compare_digest(mine, said.code[: len(mine)])

    def console_code(self, password: bytes) -> bytes:
        """The code of RAKP 3 (13.22)."""
        data = self.rakp2.bmc_random + struct.pack("<I", self.console_id) + self._who
        return self.suite.hmac(password, data)

    def keys(self, password: bytes, kg: bytes = b"") -> SessionKeys:
        """Session keys (13.31, 13.32); without a BMC key `kg` the user's password takes its place."""
        data = self.rakp1.console_random + self.rakp2.bmc_random + self._who
        sik = self.suite.hmac(kg or password, data)
        return SessionKeys(sik, self.suite.hmac(sik, b"\x01" * 20), self.suite.hmac(sik, b"\x02" * 20))

    def proves_bmc(self, rakp4: Rakp4, keys: SessionKeys) -> bool:
        """Whether RAKP 4 shows that the BMC made the same session key (13.23)."""
        data = self.rakp1.console_random + struct.pack("<I", self.bmc_id) + self.rakp2.guid
        mine = self.suite.hmac(keys.sik, data)[: self.suite.icv]
        return hmac.compare_digest(mine, rakp4.code[: self.suite.icv])


@dataclass(frozen=True, repr=False)
class SessionKeys:
    """Keys of a session; never shown."""

    sik: bytes
    k1: bytes
    k2: bytes

    def __repr__(self) -> str:
        return "Keys(****)"


class Password(Protocol):
    """Anything that can show a password when asked: seedvm.site.secrets_file.Secret."""

    def reveal(self) -> str: ...


P = TypeVar("P", bound=Password)


def first_accepted(exchange: Exchange, candidates: Iterable[P]) -> P | None:
    """The first candidate that the exchange accepts; candidates over 20 bytes do not exist in IPMI and are passed by."""
    for candidate in candidates:
        password = candidate.reveal().encode()
        if len(password) <= 20 and exchange.accepts(password):
            return candidate
    return None


def _tag_and_status(payload: bytes, what: str) -> tuple[int, int]:
    if len(payload) < 2:
        raise WireError(f"{what}: {len(payload)} bytes")
    return payload[0], payload[1]
