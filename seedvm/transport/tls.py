"""TLS to a BMC: what is good enough for a password, what is only good enough to look, and why a server needs the second.

The peer is never verified against an authority, because a BMC out of the box has a certificate of its own making: who sends a
secret compares the certificate with the one that was seen before. Sources: OpenSSL SSL_CTX_set_security_level(3), RFC 5746
(secure renegotiation), RFC 8996 (TLS 1.0 and 1.1 deprecated).
"""

from __future__ import annotations

import functools
import ssl

LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT; Python names it from 3.12 on

VERSIONS = {"TLSv1": "TLS 1.0 only", "TLSv1.1": "TLS 1.1 only"}
NO_RENEGOTIATION = "no secure renegotiation (RFC 5746)"
WEAK = {  # OpenSSL's reasons, as Python gives them
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": NO_RENEGOTIATION,
    "DH_KEY_TOO_SMALL": "a Diffie-Hellman key that is too short",
    "EE_KEY_TOO_SMALL": "a certificate whose key is too short",
    "CA_KEY_TOO_SMALL": "a certificate whose key is too short",
    "CA_MD_TOO_WEAK": "a certificate with a weak signature",
    "EE_MD_TOO_WEAK": "a certificate with a weak signature",
    "WRONG_SIGNATURE_TYPE": "a handshake signed with SHA-1 or MD5",
    "NO_SUITABLE_DIGEST_ALGORITHM": "a handshake signed with SHA-1 or MD5",
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": "a handshake signed with SHA-1 or MD5",
    "UNKNOWN_DIGEST": "a handshake signed with SHA-1 or MD5",
}


def _context(ciphers: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.options |= (
        ssl.OP_IGNORE_UNEXPECTED_EOF
    )  # old servers close without a word; HTTP sees for itself what is missing
    return context


@functools.cache
def modern() -> ssl.SSLContext:
    """For a password: TLS 1.2 or newer with secure renegotiation, keys and signatures of OpenSSL's level 1."""
    context = _context("DEFAULT:@SECLEVEL=1")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@functools.cache
def old() -> ssl.SSLContext:
    """For a look, or for a password where the operator allows it: from TLS 1.0 on, without RFC 5746, any key and signature."""
    context = _context("ALL:!aNULL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.options |= LEGACY_SERVER_CONNECT
    return context


def weakness(refusal: OSError, version: str, cipher: str) -> str:
    """What is weak about a server that refused the modern context with `refusal` and accepted the old one with this version and
    cipher, as `ssl.SSLSocket` names them; "" where the refusal does not come from its age."""
    if version in VERSIONS:
        return VERSIONS[version]
    if not isinstance(refusal, ssl.SSLError):
        return ""
    return WEAK.get(refusal.reason or "", f"weak cipher {cipher}")


NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


def reason(error: ssl.SSLError) -> str:
    """Why there is no TLS connection, in words."""
    said = error.reason or ""
    if said in NO_TLS:
        return "the server does not speak TLS at this port"
    if error.library == "X509" or "ASN1" in str(error) or not said:
        return "its certificate cannot be decoded"
    return said.replace("_", " ").lower()
