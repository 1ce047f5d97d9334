"""The LAN side of a BMC: ASF presence, commands without a session, IPMI 1.5 sessions; RMCP+ is in rmcpplus.

Bytes in, bytes out. Source: IPMI v2.0 sections 13.1, 13.2, 13.6, 13.8, 22.13 to 22.19; for 1.5 sessions 22.16, 22.17.1.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass

from tests.datacenter.accounts import Accounts
from tests.datacenter.commands import APP, Commands
from tests.datacenter.rmcpplus import RmcpPlus
from tests.datacenter.slots import Slots

RMCP_IPMI, RMCP_ASF = b"\x06\x00\xff\x07", b"\x06\x00\xff\x06"
ASF_IANA = b"\x00\x00\x11\xbe"


def checksum(data: bytes) -> int:
    return (0x100 - sum(data) % 0x100) % 0x100


def response(request: bytes, code: int, data: bytes) -> bytes:
    """The message that answers `request`: addresses swapped, network function plus one."""
    target, netfn, source, sequence, command = request[0], request[1], request[3], request[4], request[5]
    head = bytes((source, netfn + 4))
    body = bytes((target, sequence, command, code)) + data
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))


def well_formed(message: bytes) -> bool:
    return len(message) >= 7 and not checksum(message[:3]) and not checksum(message[3:]) and not message[1] & 4


@dataclass
class _Old:
    """An IPMI 1.5 session; `challenge` is None once it is active."""

    user: str
    challenge: bytes | None


class Ipmi:
    """One BMC's UDP port."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.host = accounts.host
        self.record = accounts.record
        self.commands = Commands(accounts)
        self.slots = Slots(self.host, self.record)
        self.plus = RmcpPlus(accounts, self.commands, self.slots)
        self._old: dict[int, _Old] = {}

    def lost(self, packet: bytes) -> None:
        """The wire swallowed a question, or an answer: what the visitor cannot know or could not help is not held against it."""
        for number in (self.plus.closes(packet), self.plus.opens(packet)):
            if number is not None:
                self.slots.excuse(number)

    def answer(self, packet: bytes, source: str) -> list[bytes]:
        """What the BMC says to a packet."""
        if len(packet) < 5 or packet[0] != 0x06:
            self.record.saw("not RMCP")
            return []
        if packet[3] == 0x06:
            return self._asf(packet)
        if packet[3] != 0x07 or len(packet) < 14 or not self.host.ipmi:
            self.record.saw("unknown class")
            return []
        if packet[4] == 0x06:
            return self.plus.answer(packet, source) if "2.0" in self.host.ipmi else []
        return self._old_style(packet, source)

    def _asf(self, packet: bytes) -> list[bytes]:
        self.record.saw("ping")
        if len(packet) < 12 or packet[4:8] != ASF_IANA or packet[8] != 0x80 or not self.host.pong:
            return []
        if packet[9] == 0xFF:
            self.record.bad_tags += 1  # ASF: not answered
            return []
        entities = 0x81 if self.host.ipmi else 0x01
        data = struct.pack(">IIBB6x", 0x11BE, 0, entities, 0)
        return [RMCP_ASF + ASF_IANA + bytes((0x40, packet[9], 0, 16)) + data]

    def _old_style(self, packet: bytes, source: str) -> list[bytes]:
        """IPMI 1.5 framing: outside of a session, or in one with MD5."""
        auth, sequence, session = struct.unpack_from("<BII", packet, 4)
        code, at = (b"", 13) if auth == 0 else (packet[13:29], 29)
        if len(packet) <= at:
            return []
        message = packet[at + 1 : at + 1 + packet[at]]
        if not well_formed(message):
            self.record.saw("malformed")
            return []
        netfn, command, data = message[1] >> 2, message[5], message[6:-1]
        if session == 0:
            self.record.saw(
                {0x38: "capabilities", 0x37: "guid", 0x39: "challenge"}.get(command, f"open {command:#04x}")
            )
            status, said = (
                self._challenge(data)
                if (netfn, command) == (APP, 0x39)
                else self.commands.outside(netfn, command, data)
            )
            reply = response(message, status, said)
            return [RMCP_IPMI + bytes(9) + bytes((len(reply),)) + reply]
        return self._in_session(session, sequence, code, message, source)

    def _challenge(self, data: bytes) -> tuple[int, bytes]:
        self.record.handshakes += 1
        user = data[1:17].rstrip(b"\x00").decode("latin-1")
        if user not in self.accounts.passwords:
            return (0x81 if user else 0x82), b""
        number = int.from_bytes(os.urandom(3), "little") + (1 << 24)  # temporary: the slot is taken by Activate Session
        challenge = os.urandom(16)
        self._old[number] = _Old(user, challenge)
        return 0, struct.pack("<I", number) + challenge

    def _code(self, user: str, session: int, sequence: int, message: bytes) -> bytes:
        key = self.accounts.passwords[user].encode()[:16].ljust(16, b"\x00")
        text = key + struct.pack("<I", session) + message + struct.pack("<I", sequence) + key
        return hashlib.md5(text).digest()

    def _in_session(self, session: int, sequence: int, code: bytes, message: bytes, source: str) -> list[bytes]:
        known = self._old.get(session)
        if known is None or (known.challenge is None and not self.slots.touch(session)):
            self.record.saw("unknown session")
            return []
        netfn, command, data = message[1] >> 2, message[5], message[6:-1]
        right = code == self._code(known.user, session, sequence, message)
        self.record.saw(f"1.5 command {netfn:#04x}/{command:#04x}")
        if known.challenge is not None:
            if (netfn, command) != (APP, 0x3A):
                return []
            proven = right and data[2:18] == known.challenge
            if self.accounts.judge(source, "ipmi-1.5", known.user, proven) != "in":
                self._end(session)
                return []  # silently discarded (22.17.1)
            number = self.slots.take("ipmi-1.5")
            if number is not None:
                self._old[number] = _Old(known.user, None)
                del self._old[session]  # the temporary number is used up: a copy of this packet opens nothing
            status, said = (0x81, b"") if number is None else (0, bytes((2,)) + struct.pack("<II", number, 1) + b"\x04")
        elif not right:
            return []
        elif (netfn, command) == (APP, 0x3C):
            self._end(session)
            status, said = 0, b""
        else:
            status, said = self.commands.inside(netfn, command, data, known.user)
        reply = response(message, status, said)
        out = self._code(known.user, session, sequence, reply)
        return [RMCP_IPMI + b"\x02" + struct.pack("<II", sequence, session) + out + bytes((len(reply),)) + reply]

    def _end(self, session: int) -> None:
        self._old.pop(session, None)
        self.slots.give(session)
