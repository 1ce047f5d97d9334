"""RMCP+ as a BMC speaks it: open session, RAKP 1 to 4, sealed packets. Suites 0, 3 and 17.

Source: IPMI v2.0 sections 13.6, 13.17 to 13.24, 13.28, 13.29, 13.31, 13.32. Written from the standard, not from seedvm.wire.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.datacenter.accounts import Accounts
from tests.datacenter.commands import APP, Commands
from tests.datacenter.slots import Slots

HEAD = b"\x06\x00\xff\x07\x06"
ALGORITHMS = {0: (0, 0, 0), 3: (1, 1, 1), 17: (3, 4, 1)}
KINDS = {0x10: "open session", 0x12: "rakp1", 0x14: "rakp3"}
HASHES = {3: (hashlib.sha1, 12), 17: (hashlib.sha256, 16)}


@dataclass
class _Session:
    """A session on its way: `user` is known from RAKP 1 on, `k1` and `k2` from RAKP 3 on."""

    console: int
    suite: int
    source: str
    user: str = ""
    role: bytes = b""
    console_random: bytes = b""
    bmc_random: bytes = field(default_factory=lambda: os.urandom(16))
    k1: bytes = b""
    k2: bytes = b""
    active: bool = False
    out: int = 0


class RmcpPlus:
    def __init__(self, accounts: Accounts, commands: Commands, slots: Slots) -> None:
        self._accounts = accounts
        self._host = accounts.host
        self._record = accounts.record
        self._commands = commands
        self._slots = slots
        self._sessions: dict[int, _Session] = {}
        self._guid = bytes.fromhex(self._host.guid)

    def closes(self, packet: bytes) -> int | None:
        """See Ipmi.closes: a RAKP 3 with a status, or a Close Session inside of a session."""
        if len(packet) < 24 or packet[4] != 0x06:
            return None
        if packet[5] == 0x14 and packet[17]:
            return int.from_bytes(packet[20:24], "little")
        if packet[5] & 0xC0 == 0xC0:
            number = int.from_bytes(packet[6:10], "little")
            session = self._sessions.get(number)
            message = self._unseal(session, packet) if session and session.active else None
            return number if message and message[1] >> 2 == APP and message[5] == 0x3C else None
        return None

    @staticmethod
    def opens(answer: bytes) -> int | None:
        """The session slot that this answer speaks of, if it is a granted Open Session."""
        granted = len(answer) >= 28 and answer[4:6] == b"\x06\x11" and not answer[17]
        return int.from_bytes(answer[24:28], "little") if granted else None

    def answer(self, packet: bytes, source: str) -> list[bytes]:
        if len(packet) < 16:
            return []
        kind, length = packet[5], int.from_bytes(packet[14:16], "little")
        payload = packet[16 : 16 + length]
        if kind & 0x3F in KINDS and not kind & 0xC0 and payload:
            self._record.saw(KINDS[kind])
            if payload[0] == 0xFF:
                self._record.bad_tags += 1
            said = {0x10: self._open, 0x12: self._rakp1, 0x14: self._rakp3}[kind](payload, source)
            return [HEAD + bytes((kind + 1,)) + bytes(8) + struct.pack("<H", len(said)) + said] if said else []
        if kind & 0x3F:
            self._record.saw(f"payload {kind:#04x}")
            return []
        return self._inside(packet)

    def _open(self, payload: bytes, source: str) -> bytes:
        self._record.handshakes += 1
        if len(payload) < 32:
            return payload[:1] + b"\x12\x00\x00"
        asked = payload[12] & 0x3F, payload[20] & 0x3F, payload[28] & 0x3F
        suite = next((one for one in self._host.suites if ALGORITHMS[one] == asked), None)
        if suite is None:
            return payload[:1] + b"\x11\x00\x00" + payload[4:8]
        number = self._slots.take("handshake")
        if number is None:
            return payload[:1] + b"\x01\x00\x00" + payload[4:8]
        self._sessions[number] = _Session(int.from_bytes(payload[4:8], "little"), suite, source)
        chosen = b"".join(bytes((at, 0, 0, 8, value, 0, 0, 0)) for at, value in enumerate(asked))
        return payload[:1] + b"\x00\x04\x00" + payload[4:8] + struct.pack("<I", number) + chosen

    def _find(self, payload: bytes) -> tuple[int, _Session | None]:
        number = int.from_bytes(payload[4:8], "little")
        return number, self._sessions.get(number) if self._slots.touch(number) else None

    def _rakp1(self, payload: bytes, source: str) -> bytes:
        number, session = self._find(payload)
        if session is None or session.active or len(payload) < 28:
            return payload[:1] + b"\x02\x00\x00" + bytes(4)
        session.user = payload[28 : 28 + payload[27]].decode("latin-1")
        session.role, session.console_random = payload[24:25] + payload[27:28], payload[8:24]
        console = struct.pack("<I", session.console)
        password = self._accounts.passwords.get(session.user)
        if password is None or self._accounts.blocks(source):
            self._give(number)
            return payload[:1] + b"\x0d\x00\x00" + console
        body = session.bmc_random + self._guid
        if session.suite == 0:
            return payload[:1] + b"\x00\x00\x00" + console + body
        text = (
            console
            + struct.pack("<I", number)
            + session.console_random
            + body
            + session.role
            + session.user.encode("latin-1")
        )
        return payload[:1] + b"\x00\x00\x00" + console + body + self._hmac(session, password.encode(), text)

    def _rakp3(self, payload: bytes, source: str) -> bytes:
        number, session = self._find(payload)
        if session is None or session.active:
            return b"" if payload[1] else payload[:1] + b"\x02\x00\x00" + bytes(4)
        if payload[1]:
            self._give(number)
            if self._host.counts_aborted and session.user:
                self._accounts.failed(source, session.user)
            return b""
        console = struct.pack("<I", session.console)
        if session.suite == 0:
            session.active = self._accounts.judge(source, "ipmi-2.0", session.user, True) == "in"
            return payload[:1] + b"\x00\x00\x00" + console
        password = self._accounts.passwords.get(session.user, "").encode()
        name = session.role + session.user.encode("latin-1")
        right = hmac.compare_digest(payload[8:], self._hmac(session, password, session.bmc_random + console + name))
        if self._accounts.judge(source, "ipmi-2.0", session.user, right) != "in":
            self._give(number)
            return payload[:1] + b"\x0f\x00\x00" + console
        sik = self._hmac(session, password, session.console_random + session.bmc_random + name)
        session.k1, session.k2 = self._hmac(session, sik, b"\x01" * 20), self._hmac(session, sik, b"\x02" * 20)
        session.active = True
        proof = self._hmac(session, sik, session.console_random + struct.pack("<I", number) + self._guid)
        return payload[:1] + b"\x00\x00\x00" + console + proof[: HASHES[session.suite][1]]

    def _inside(self, packet: bytes) -> list[bytes]:
        number = int.from_bytes(packet[6:10], "little")
        session = self._sessions.get(number)
        if session is None or not session.active or not self._slots.touch(number):
            self._record.saw("unknown session")
            return []
        message = self._unseal(session, packet)
        if message is None or len(message) < 7:
            self._record.saw("bad seal")
            return []
        netfn, command, data = message[1] >> 2, message[5], message[6:-1]
        self._record.saw(f"command {netfn:#04x}/{command:#04x}")
        if (netfn, command) == (APP, 0x3C):
            code, said = 0, b""
        else:
            code, said = self._commands.inside(netfn, command, data, session.user)
        head = bytes((message[3], message[1] + 4))
        body = bytes((message[0], message[4], command, code)) + said
        answer = head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))
        sealed = self._seal(session, answer)
        if (netfn, command) == (APP, 0x3C):
            self._give(number)
        return [sealed]

    def _give(self, number: int) -> None:
        self._sessions.pop(number, None)
        self._slots.give(number)

    def _hmac(self, session: _Session, key: bytes, text: bytes) -> bytes:
        return hmac.new(key, text, HASHES[session.suite][0]).digest()

    def _unseal(self, session: _Session, packet: bytes) -> bytes | None:
        """The message of a packet of this session, None where the seal is not right."""
        length = int.from_bytes(packet[14:16], "little")
        if session.suite == 0:
            return packet[16 : 16 + length]
        size = HASHES[session.suite][1]
        if packet[5] & 0xC0 != 0xC0 or length < 32 or len(packet) < 16 + length + 2 + size:
            return None
        if not hmac.compare_digest(self._hmac(session, session.k1, packet[4:-size])[:size], packet[-size:]):
            return None
        secret = packet[16 : 16 + length]
        opener = Cipher(algorithms.AES(session.k2[:16]), modes.CBC(secret[:16])).decryptor()
        clear = opener.update(secret[16:])
        return clear[: len(clear) - 1 - clear[-1]]

    def _seal(self, session: _Session, message: bytes) -> bytes:
        session.out += 1
        if session.suite == 0:
            return HEAD + b"\x00" + struct.pack("<IIH", session.console, session.out, len(message)) + message
        fill = (15 - len(message)) % 16
        clear = message + bytes(range(1, fill + 1)) + bytes((fill,))
        iv = os.urandom(16)
        secret = iv + Cipher(algorithms.AES(session.k2[:16]), modes.CBC(iv)).encryptor().update(clear)
        body = b"\x06\xc0" + struct.pack("<IIH", session.console, session.out, len(secret)) + secret
        pad = -(len(body) + 2) % 4
        body += b"\xff" * pad + bytes((pad, 7))
        return HEAD[:4] + body + self._hmac(session, session.k1, body)[: HASHES[session.suite][1]]
