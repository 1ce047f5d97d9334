"""Certificates as BMCs have them, and as none should: made byte by byte, for the usual builders refuse most of what is here.

Each kind of CERTIFICATES is self-signed with a P-256 key. "plain" is in order; the others are wrong in the one way that their name says.
Source: RFC 5280 section 4.1 (fields), X.690 (DER).
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SEQUENCE, SET, INTEGER, OID, BITS, OCTETS = 0x30, 0x31, 0x02, 0x06, 0x03, 0x04
UTF8, PRINTABLE, BMP, UNIVERSAL = 0x0C, 0x13, 0x1E, 0x1C
UTC_TIME, GENERAL_TIME = 0x17, 0x18
COMMON_NAME, COUNTRY = bytes.fromhex("550403"), bytes.fromhex("550406")
ECDSA_SHA256, ECDSA_SHA1 = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d0401")
COMMENT = bytes.fromhex("6086480186f842010d")  # Netscape's comment: any text


@dataclass(frozen=True)
class Shape:
    """What goes into a certificate: `subject` as (attribute, string type, bytes), `dates` as (time type, text), `serial` as DER's bytes."""

    subject: tuple[tuple[bytes, int, bytes], ...] = ((COMMON_NAME, UTF8, b"bmc"),)
    start: tuple[int, str] = (UTC_TIME, "240101000000Z")
    until: tuple[int, str] = (UTC_TIME, "491231235959Z")
    serial: bytes | None = None
    v1: bool = False
    comment: int = 0
    signed_by: bytes = ECDSA_SHA256


def _name(text: bytes, kind: int = UTF8) -> Shape:
    return Shape(subject=((COMMON_NAME, kind, text),))


CERTIFICATES: dict[str, Shape] = {
    "plain": Shape(),
    "subject-not-utf8": _name(b"BMC \xff\xfe\x80"),
    "subject-not-printable": _name(b"BMC \xe4\x00\x1b", PRINTABLE),
    "subject-half-a-character": _name(b"\x00B\x00M\x00", BMP),
    "subject-surrogate": _name(b"\xd8\x00\x00B", BMP),
    "subject-above-unicode": _name(b"\x00\x11\x00\x00", UNIVERSAL),
    "subject-unknown-type": _name(b"BMC", 0x80),
    "subject-paints": _name("\x1b]0;owned\x07\x1b[2J\u202ebmc".encode()),
    "subject-empty": Shape(subject=()),
    "subject-long": _name(b"b" * 30_000),
    "country-of-five": Shape(subject=((COUNTRY, PRINTABLE, b"Earth"), (COMMON_NAME, UTF8, b"bmc"))),
    "until-year-0": Shape(until=(GENERAL_TIME, "00000101000000Z")),
    "until-year-9999": Shape(until=(GENERAL_TIME, "99991231235959Z")),
    "until-month-13": Shape(until=(UTC_TIME, "301301000000Z")),
    "until-no-date": Shape(until=(UTC_TIME, "never")),
    "start-no-zone": Shape(start=(UTC_TIME, "2401010000")),
    "expired-before-it-began": Shape(start=(UTC_TIME, "300101000000Z"), until=(UTC_TIME, "700101000000Z")),
    "v1": Shape(v1=True),
    "serial-negative": Shape(serial=b"\xfe\xdc\xba\x98"),
    "serial-zero": Shape(serial=b"\x00"),
    "serial-huge": Shape(serial=b"\x7f" * 400),
    "huge": Shape(comment=60_000),
    "sha1": Shape(signed_by=ECDSA_SHA1),
}
BEYOND_OPENSSL = (
    "subject-not-utf8",
    "subject-half-a-character",
    "subject-surrogate",
    "subject-above-unicode",
    "subject-unknown-type",
)
"""Kinds for which OpenSSL's own clients end the handshake: no certificate is seen at all."""


def make(kind: str, name: str = "") -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    """A certificate of CERTIFICATES as DER, and its key. `name` is the common name of "plain"."""
    shape = CERTIFICATES[kind]
    if name and kind == "plain":
        shape = _name(name.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    return build(shape, key), key


def build(shape: Shape, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = _der(
        SEQUENCE, *(_der(SET, _der(SEQUENCE, _der(OID, at), _der(kind, raw))) for at, kind, raw in shape.subject)
    )
    algorithm = _der(SEQUENCE, _der(OID, shape.signed_by))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    serial = shape.serial or b"\x01" + secrets.token_bytes(15)
    dates = _der(SEQUENCE, *(_der(kind, text.encode()) for kind, text in (shape.start, shape.until)))
    comment = _der(SEQUENCE, _der(OID, COMMENT), _der(OCTETS, _der(0x16, b"c" * shape.comment)))
    extensions = _der(0xA3, _der(SEQUENCE, comment)) if shape.comment else b""
    version = b"" if shape.v1 else _der(0xA0, _der(INTEGER, b"\x02"))
    body = _der(SEQUENCE, version, _der(INTEGER, serial), algorithm, subject, dates, subject, public, extensions)
    digest = hashes.SHA1() if shape.signed_by == ECDSA_SHA1 else hashes.SHA256()
    return _der(SEQUENCE, body, algorithm, _der(BITS, b"\x00", key.sign(body, ec.ECDSA(digest))))


def _der(tag: int, *parts: bytes) -> bytes:
    raw = b"".join(itertools.chain(parts))
    size = len(raw)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes((tag,)) + (length if size < 0x80 else bytes((0x80 | len(length),)) + length) + raw
