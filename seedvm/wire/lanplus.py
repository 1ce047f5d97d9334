"""Packets inside an RMCP+ session: AES-CBC-128 and an HMAC over the whole (suites 3 and 17).

Source: IPMI v2.0 revision 1.1, sections 13.6 (header and trailer), 13.28.4 (integrity), 13.29 (AES-CBC-128).
Refused here: packets that are not both encrypted and authenticated.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from seedvm.wire import WireError
from seedvm.wire.rakp import SessionKeys, Suite
from seedvm.wire.rmcp import AUTH_RMCPPLUS, CLASS_IPMI, rmcp, rmcp_class

SECURED = 0xC0  # encrypted and authenticated
NEXT_HEADER = 0x07


@dataclass(frozen=True)
class Opened:
    """A packet of a session after its integrity was proven and its payload decrypted."""

    payload_type: int
    session: int
    sequence: int
    payload: bytes


def seal(
    suite: Suite, keys: SessionKeys, session: int, sequence: int, payload: bytes, iv: bytes, kind: int = 0
) -> bytes:
    """Encrypt and authenticate `payload`; `session` is the BMC's id, `iv` 16 fresh random bytes."""
    secret = iv + _aes(keys, iv).encryptor().update(_pad(payload))
    head = struct.pack("<BBIIH", AUTH_RMCPPLUS, SECURED | kind, session, sequence, len(secret))
    body = head + secret
    fill = -(len(body) + 2) % 4
    body += b"\xff" * fill + bytes((fill, NEXT_HEADER))
    return rmcp(CLASS_IPMI, body + suite.hmac(keys.k1, body)[: suite.icv])


def open_sealed(suite: Suite, keys: SessionKeys, packet: bytes) -> Opened:
    """Check integrity, then decrypt."""
    if rmcp_class(packet) != CLASS_IPMI:
        raise WireError("session: not class IPMI")
    body, code = packet[4 : -suite.icv], packet[-suite.icv :]
    if len(body) < 12 + 32 + 2:
        raise WireError(f"session: {len(packet)} bytes")
    auth, kind, session, sequence, length = struct.unpack_from("<BBIIH", body)
    if auth != AUTH_RMCPPLUS or kind & SECURED != SECURED:
        raise WireError("session: not encrypted and authenticated")
    if not hmac.compare_digest(suite.hmac(keys.k1, body)[: suite.icv], code):
        raise WireError("session: integrity")
    secret = body[12 : 12 + length]
    if len(secret) != length or length < 32 or length % 16:
        raise WireError(f"session: payload of {length} bytes")
    clear = _aes(keys, secret[:16]).decryptor().update(secret[16:])
    return Opened(kind & 0x3F, session, sequence, _unpad(clear))


def _aes(keys: SessionKeys, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(keys.k2[:16]), modes.CBC(iv))


def _pad(payload: bytes) -> bytes:
    """Pad bytes 1, 2, 3 ... and their count, to a multiple of 16 (table 13-20)."""
    fill = -(len(payload) + 1) % 16
    return payload + bytes(range(1, fill + 1)) + bytes((fill,))


def _unpad(clear: bytes) -> bytes:
    fill = clear[-1]
    if fill > 15 or fill + 1 > len(clear):
        raise WireError(f"session: {fill} pad bytes")
    return clear[: len(clear) - fill - 1]
