"""Why a server needs old TLS, from what OpenSSL says."""

from __future__ import annotations

import ssl

import pytest

from seedvm.transport import tls


def refusal(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "version", "said"),
    [
        ("UNSUPPORTED_PROTOCOL", "TLSv1", "TLS 1.0 only"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "TLSv1.1", "TLS 1.1 only"),
        ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "TLSv1.2", "no secure renegotiation (RFC 5746)"),
        ("DH_KEY_TOO_SMALL", "TLSv1.2", "a Diffie-Hellman key that is too short"),
        ("WRONG_SIGNATURE_TYPE", "TLSv1.2", "a handshake signed with SHA-1 or MD5"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSv1.2", "weak cipher DES-CBC3-SHA"),
    ],
)
def test_what_is_weak_is_named(reason: str, version: str, said: str) -> None:
    assert tls.weakness(refusal(reason), version, "DES-CBC3-SHA") == said


def test_a_connection_that_was_reset_says_nothing_about_age() -> None:
    assert tls.weakness(ConnectionResetError(), "TLSv1.3", "TLS_AES_256_GCM_SHA384") == ""
    assert tls.weakness(ConnectionResetError(), "TLSv1", "AES256-SHA") == "TLS 1.0 only"


def test_a_password_never_travels_by_what_is_only_good_to_look() -> None:
    assert tls.modern().minimum_version is ssl.TLSVersion.TLSv1_2
    assert not tls.modern().options & tls.LEGACY_SERVER_CONNECT
    assert not [one for one in tls.old().get_ciphers() if "Au=None" in one["description"]]
