"""The server's side of TLS 1.2, small enough to be odd: without RFC 5746, any bytes as its certificate, a handshake that drips.

OpenSSL cannot be told to leave out secure renegotiation, and refuses to load certificates that old firmware has. One suite:
ECDHE-ECDSA-AES128-GCM-SHA256 on P-256 (RFC 5246, RFC 5288, RFC 8422). For tests: it verifies nothing but its peer's Finished.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import struct
from collections.abc import AsyncIterator

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.datacenter.streams import Refused, streams

CHANGE, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
TLS12, SUITE, P256, ECDSA_SHA256 = 0x0303, 0xC02B, 23, 0x0403
RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"
CLOSE_NOTIFY, HANDSHAKE_FAILURE = b"\x01\x00", b"\x02\x28"
MOST_RECORD = 16384


class Sealer:
    """Records of the server's, from its first encrypted one on."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead, self._iv, self._sequence = AESGCM(key), iv, 0

    def seal(self, kind: int, data: bytes) -> bytes:
        explicit = struct.pack(">Q", self._sequence)
        bound = explicit + struct.pack(">BHH", kind, TLS12, len(data))
        self._sequence += 1
        sealed = explicit + self._aead.encrypt(self._iv + explicit, data, bound)
        return struct.pack(">BHH", kind, TLS12, len(sealed)) + sealed

    def data(self, data: bytes) -> bytes:
        pieces = (data[at : at + MOST_RECORD] for at in range(0, len(data), MOST_RECORD))
        return b"".join(self.seal(DATA, one) for one in pieces)

    def farewell(self) -> bytes:
        return self.seal(ALERT, CLOSE_NOTIFY)


class Tls12:
    """One handshake; then `reader` and `writer` speak in clear."""

    def __init__(
        self, der: bytes, key: ec.EllipticCurvePrivateKey, *, rfc5746: bool, drip: float, piece: int = 1
    ) -> None:
        self._der, self._key, self._rfc5746, self._drip, self._piece = der, key, rfc5746, drip, piece
        self._said = b""
        self._messages = b""

    async def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises Refused, OSError, EOFError."""
        hello = await self._message(reader)
        theirs, suites = hello[6:38], hello[39 + hello[38] :]
        if SUITE not in struct.unpack_from(f">{suites[0] * 256 + suites[1] >> 1}H", suites, 2):
            writer.write(struct.pack(">BHH", ALERT, TLS12, 2) + HANDSHAKE_FAILURE)
            raise Refused("no suite in common")
        ours, mine = os.urandom(32), ec.generate_private_key(ec.SECP256R1())
        await self._send(writer, self._flight(theirs + ours, ours, mine))
        said = await self._message(reader)
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), said[5 : 5 + said[4]])
        master = prf(mine.exchange(ec.ECDH(), point), b"master secret", theirs + ours, 48)
        keys = prf(master, b"key expansion", ours + theirs, 40)
        opener = Opener(keys[:16], keys[32:36])
        if (await read_record(reader))[0] != CHANGE:
            raise Refused("no ChangeCipherSpec")
        finished = opener.open(*await read_record(reader))
        if finished[4:] != prf(master, b"client finished", hashlib.sha256(self._said).digest(), 12):
            raise Refused("the Finished is wrong")
        sealer = Sealer(keys[16:32], keys[36:40])
        proof = prf(master, b"server finished", hashlib.sha256(self._said + finished).digest(), 12)
        change = struct.pack(">BHHB", CHANGE, TLS12, 1, 1)
        await self._send(writer, change + sealer.seal(HANDSHAKE, _handshake(20, proof)))
        return streams(writer, sealer, opener.all(reader))

    def _flight(self, randoms: bytes, ours: bytes, mine: ec.EllipticCurvePrivateKey) -> bytes:
        """ServerHello, Certificate, ServerKeyExchange, ServerHelloDone, each in a record of its own."""
        extensions = struct.pack(">H", 5) + RENEGOTIATION_INFO if self._rfc5746 else b""
        hello = struct.pack(">H", TLS12) + ours + b"\x00" + struct.pack(">HB", SUITE, 0) + extensions
        certificate = len(self._der).to_bytes(3, "big") + self._der
        point = mine.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        offer = struct.pack(">BHB", 3, P256, len(point)) + point
        proof = self._key.sign(randoms + offer, ec.ECDSA(hashes.SHA256()))
        signed = offer + struct.pack(">HH", ECDSA_SHA256, len(proof)) + proof
        parts = (2, hello), (11, len(certificate).to_bytes(3, "big") + certificate), (12, signed), (14, b"")
        messages = [_handshake(kind, body) for kind, body in parts]
        self._said += b"".join(messages)
        return b"".join(_records(HANDSHAKE, message) for message in messages)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        for at in range(0, len(data), self._piece) if self._drip else ():
            writer.write(data[at : at + self._piece])
            await writer.drain()
            await asyncio.sleep(self._drip)
        writer.write(b"" if self._drip else data)
        await writer.drain()

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """The next handshake message of a client that does not encrypt yet."""
        while len(self._messages) < 4 or len(self._messages) < 4 + int.from_bytes(self._messages[1:4], "big"):
            kind, data = await read_record(reader)
            if kind != HANDSHAKE:
                raise Refused(data.hex())
            self._messages += data
        size = 4 + int.from_bytes(self._messages[1:4], "big")
        message, self._messages = self._messages[:size], self._messages[size:]
        self._said += message
        return message


class Opener:
    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead, self._iv, self._sequence = AESGCM(key), iv, 0

    def open(self, kind: int, data: bytes) -> bytes:
        bound = struct.pack(">QBHH", self._sequence, kind, TLS12, len(data) - 24)
        self._sequence += 1
        return self._aead.decrypt(self._iv + data[:8], data[8:], bound)

    async def all(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """What the client says until it takes its leave."""
        while True:
            kind, data = await read_record(reader)
            said = self.open(kind, data)
            if kind != DATA:
                return
            yield said


async def read_record(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind, _, size = struct.unpack(">BHH", await reader.readexactly(5))
    return kind, await reader.readexactly(size)


def prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5, with SHA-256."""
    made, step = b"", label + seed
    while len(made) < size:
        step = hmac.digest(secret, step, "sha256")
        made += hmac.digest(secret, step + label + seed, "sha256")
    return made[:size]


def _handshake(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def _records(kind: int, data: bytes) -> bytes:
    pieces = [data[at : at + MOST_RECORD] for at in range(0, len(data), MOST_RECORD)]
    return b"".join(struct.pack(">BHH", kind, TLS12, len(one)) + one for one in pieces)
