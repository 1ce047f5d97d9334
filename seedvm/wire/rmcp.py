"""RMCP, ASF presence and sessionless IPMI messages: what may be asked of a BMC without a password.

Source: IPMI v2.0 revision 1.1, sections 13.1 (RMCP), 13.2 (ASF), 13.6 (session header), 13.8 (message), 22.13 (Get
Channel Authentication Capabilities), 22.14 (Get System GUID). Refused here: sessions (see rakp and lanplus).
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

from seedvm.foreign.identity import is_placeholder_uuid
from seedvm.wire import WireError

ASF_IANA = 0x000011BE
CLASS_ASF = 0x06
CLASS_IPMI = 0x07
ASF_PING = 0x80
ASF_PONG = 0x40
NO_ACK = 0xFF
FORBIDDEN_TAG = 0xFF  # ASF: tag 0xFF means a message that is never answered
BMC_ADDRESS = 0x20
CONSOLE_ADDRESS = 0x81
NETFN_CHASSIS = 0x00
NETFN_APP = 0x06
NETFN_STORAGE = 0x0A
CMD_AUTH_CAPABILITIES = 0x38
CMD_SYSTEM_GUID = 0x37
AUTH_NONE = 0x00
AUTH_RMCPPLUS = 0x06
MAX_PACKET = 1500


def checksum(data: bytes) -> int:
    """Two's complement of the sum, so that data and checksum add to zero (13.8)."""
    return -sum(data) & 0xFF


def rmcp_class(packet: bytes) -> int:
    """The message class of an RMCP packet: CLASS_ASF or CLASS_IPMI (13.1.3). Acknowledgements are refused."""
    if len(packet) < 4 or len(packet) > MAX_PACKET:
        raise WireError(f"RMCP: {len(packet)} bytes")
    if packet[0] != 0x06:
        raise WireError(f"RMCP: version {packet[0]:#04x}")
    if packet[3] not in (CLASS_ASF, CLASS_IPMI):
        raise WireError(f"RMCP: class {packet[3]:#04x}")
    return packet[3]


def rmcp(message_class: int, body: bytes) -> bytes:
    """An RMCP packet that wants no acknowledgement (13.1.3)."""
    return bytes((0x06, 0x00, NO_ACK, message_class)) + body


@dataclass(frozen=True)
class Pong:
    """ASF presence pong (13.2.4)."""

    tag: int
    enterprise: int
    ipmi: bool


def presence_ping(tag: int) -> bytes:
    """ASF presence ping (13.2.3); `tag` is 0..0xFE, 0xFF is refused because nothing answers it."""
    if not 0 <= tag < FORBIDDEN_TAG:
        raise WireError(f"ASF ping: tag {tag} is not 0..254")
    return rmcp(CLASS_ASF, struct.pack(">IBBBB", ASF_IANA, ASF_PING, tag, 0, 0))


def parse_pong(packet: bytes) -> Pong:
    """Decode an ASF presence pong."""
    if rmcp_class(packet) != CLASS_ASF:
        raise WireError("pong: not ASF")
    if len(packet) < 12 + 16:
        raise WireError(f"pong: {len(packet)} bytes")
    iana, kind, tag, _, length = struct.unpack_from(">IBBBB", packet, 4)
    if iana != ASF_IANA or kind != ASF_PONG:
        raise WireError(f"pong: enterprise {iana}, type {kind:#04x}")
    if length < 16:
        raise WireError(f"pong: data length {length}")
    enterprise, _oem, entities = struct.unpack_from(">IIB", packet, 12)
    return Pong(tag, enterprise, bool(entities & 0x80))


@dataclass(frozen=True)
class Message:
    """An IPMI request or response (13.8). For a response `data` starts after the completion code `code`."""

    netfn: int
    command: int
    sequence: int
    code: int
    data: bytes


def encode_request(netfn: int, command: int, data: bytes, sequence: int) -> bytes:
    """The bytes of a request to the BMC; `sequence` is 0..63."""
    if not 0 <= sequence <= 0x3F:
        raise WireError(f"IPMI request: sequence {sequence}")
    head = bytes((BMC_ADDRESS, netfn << 2))
    body = bytes((CONSOLE_ADDRESS, sequence << 2, command)) + data
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))


def parse_response(body: bytes) -> Message:
    """Decode a response message. Both checksums must be right and the network function must be odd (a response)."""
    if len(body) < 8:
        raise WireError(f"IPMI response: {len(body)} bytes")
    if checksum(body[:3]) or checksum(body[3:]):
        raise WireError("IPMI response: checksum")
    netfn = body[1] >> 2
    if not netfn & 1:
        raise WireError("IPMI response: this is a request")
    return Message(netfn - 1, body[5], body[4] >> 2, body[6], body[7:-1])


def sessionless(message: bytes) -> bytes:
    """A packet outside of any session: authentication type none, sequence and id zero (13.6)."""
    if len(message) > 0xFF:
        raise WireError(f"session header: {len(message)} bytes of payload")
    return rmcp(CLASS_IPMI, struct.pack("<BIIB", AUTH_NONE, 0, 0, len(message)) + message)


def parse_sessionless(packet: bytes) -> Message:
    """Decode a response outside of any session."""
    if rmcp_class(packet) != CLASS_IPMI:
        raise WireError("IPMI: not class IPMI")
    if len(packet) < 14:
        raise WireError(f"IPMI: {len(packet)} bytes")
    auth, _sequence, session, length = struct.unpack_from("<BIIB", packet, 4)
    if auth != AUTH_NONE or session:
        raise WireError("IPMI: belongs to a session")
    body = packet[14:]
    if len(body) < length:
        raise WireError(f"IPMI: payload of {length} in {len(body)} bytes")
    return parse_response(body[:length] if length else body)


@dataclass(frozen=True)
class AuthCapabilities:
    """Get Channel Authentication Capabilities response (22.13)."""

    channel: int
    auth_types: frozenset[str]
    ipmi_15: bool
    ipmi_20: bool
    kg_set: bool
    null_users: bool
    anonymous: bool
    oem: int


AUTH_TYPES = {0: "none", 1: "md2", 2: "md5", 4: "password", 5: "oem"}


def auth_capabilities_request(sequence: int, *, extended: bool = True, privilege: int = 4) -> bytes:
    """Ask the channel this packet comes by what logins it takes; `extended` asks for IPMI 2.0 data."""
    channel = 0x8E if extended else 0x0E
    body = encode_request(NETFN_APP, CMD_AUTH_CAPABILITIES, bytes((channel, privilege)), sequence)
    return sessionless(body)


def parse_auth_capabilities(message: Message) -> AuthCapabilities:
    """Decode the answer to `auth_capabilities_request`."""
    expect(message, NETFN_APP, CMD_AUTH_CAPABILITIES, 4)
    channel, types, status, extended = message.data[:4]
    has_extended = bool(types & 0x80)
    names = frozenset(name for bit, name in AUTH_TYPES.items() if types & (1 << bit))
    return AuthCapabilities(
        channel=channel & 0x0F,
        auth_types=names,
        ipmi_15=bool(extended & 0x01) if has_extended else bool(names),
        ipmi_20=has_extended and bool(extended & 0x02),
        kg_set=has_extended and bool(status & 0x20),
        null_users=bool(status & 0x02),
        anonymous=bool(status & 0x01),
        oem=int.from_bytes(message.data[4:7], "little"),
    )


def system_guid_request(sequence: int) -> bytes:
    """Get System GUID, which a BMC may answer before any login (22.14)."""
    return sessionless(encode_request(NETFN_APP, CMD_SYSTEM_GUID, b"", sequence))


def parse_system_guid(message: Message) -> bytes:
    """The 16 bytes of the GUID as they came; their order differs between vendors (see `guid_readings`)."""
    expect(message, NETFN_APP, CMD_SYSTEM_GUID, 16)
    return message.data[:16]


def guid_readings(raw: bytes) -> tuple[uuid.UUID, ...]:
    """Every UUID that these 16 bytes may mean: SMBIOS (mixed), RFC 4122 and wholly reversed order; none if they are what a firmware has
    where nobody gave it a UUID, in any of these orders.

    IPMI 20.8 asks for the reversed order, SMBIOS for mixed, some firmware sends RFC 4122: none is certain alone.
    """
    if len(raw) != 16:
        return ()
    readings = (uuid.UUID(bytes_le=raw), uuid.UUID(bytes=raw), uuid.UUID(bytes=raw[::-1]))
    return () if any(map(is_placeholder_uuid, readings)) else tuple(dict.fromkeys(readings))


def expect(message: Message, netfn: int, command: int, least: int) -> None:
    """Refuse a message that answers another question, was refused by the BMC, or is shorter than `least` bytes."""
    if (message.netfn, message.command) != (netfn, command):
        raise WireError(f"IPMI: answer to {message.netfn:#04x}/{message.command:#04x}")
    if message.code:
        raise WireError(f"IPMI: completion code {message.code:#04x}")
    if len(message.data) < least:
        raise WireError(f"IPMI: {len(message.data)} bytes of data, at least {least} expected")
