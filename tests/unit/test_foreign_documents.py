"""Numbers, JSON, references and certificates of foreign origin become types at one edge: what cannot be read is unknown."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from seedvm.foreign.certificate import certificate
from seedvm.foreign.json_document import NotJson, dumps, parse, parse_object
from seedvm.foreign.numbers import decimal, integer, real
from seedvm.foreign.text import is_clean
from seedvm.foreign.url import Elsewhere, Origin
from tests.datacenter.certificates import make

BMC = Origin("https", "192.0.2.1", 443)


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), "5", None, 10**4000, -1, 101])
def test_what_is_no_number_in_range_is_unknown(value: object) -> None:
    assert integer(value, 0, 100) is None
    assert real(value, 0, 100) is None


def test_numbers_in_range() -> None:
    assert integer(7.0, 0, 100) == 7
    assert integer(7.5, 0, 100) is None
    assert real(7, 0, 100) == 7.0
    assert decimal("120", 0, 3600) == 120
    assert [decimal(text, 0, 3600) for text in ("-1", "9" * 4000, "\u0661", "1.5", "", None)] == [None] * 6


def test_json_is_lenient_where_that_is_safe() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}\0\0\n') == {"a": 1}
    assert parse(b"[NaN, Infinity, -Infinity, 1e999, " + b"9" * 4000 + b"]") == [None] * 5


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b'{"a": 1,}', b'{"a": "\x01"}', b'{"a": "\xff"}', b"[" * 100_000, b"{}x", b"\x1f\x8b", b"<html>"],
)
def test_what_is_no_json_says_why(raw: bytes) -> None:
    with pytest.raises(NotJson, match=r".+"):
        parse(raw)


def test_brackets_in_text_are_no_depth() -> None:
    assert parse(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def test_a_list_is_no_object() -> None:
    with pytest.raises(NotJson, match="a list"):
        parse_object(b"[]")


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/redfish/v1/Systems/1", "/redfish/v1/Systems/1"),
        ("https://192.0.2.1/redfish/v1/", "/redfish/v1/"),
        ("https://192.0.2.1:443/a?b=c", "/a?b=c"),
        ("//192.0.2.1/a", "/a"),
        ("Chassis/1", "/redfish/v1/Chassis/1"),
        ("/redfish/v1/Systems/Zürich 1", "/redfish/v1/Systems/Z%C3%BCrich%201"),
        ("/a%20b", "/a%20b"),
        ("?page=2", "/redfish/v1/?page=2"),
    ],
)
def test_a_reference_within_the_service_is_followed(reference: str, path: str) -> None:
    assert BMC.path(reference, "/redfish/v1/") == path


@pytest.mark.parametrize(
    "reference",
    [
        "http://192.0.2.1/redfish/v1/",
        "https://192.0.2.1:8080/",
        "https://192.0.2.9/",
        "//192.0.2.9/",
        "https://user@192.0.2.1/",
        "https://192.0.2.1.example/",
        "https://placeholder.example/",
        "https://[",
        "https://192.0.2.1:99999/",
        "javascript:x",
        "/a\r\nX: y",
        "",
        None,
        7,
    ],
)
def test_a_reference_elsewhere_is_refused(reference: object) -> None:
    with pytest.raises(Elsewhere, match=r".+"):
        BMC.path(reference)


def test_a_zone_is_ours_alone() -> None:
    origin = Origin("https", "fe80::1%eth0", 443)
    assert origin.path("https://[fe80::1]/a") == "/a"
    assert origin.url == "https://[fe80::1%25eth0]"


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc\x1b[2J")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificate_is_read() -> None:
    read = certificate(_certificate())
    assert read.fingerprint.startswith("sha256:")
    assert read.subject.startswith("CN=bmc")
    assert is_clean(read.subject)
    assert read.until == datetime(2026, 1, 2, tzinfo=UTC)
    assert read.doubt == ""


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_a_broken_certificate_keeps_its_fingerprint(at: int) -> None:
    der = bytearray(_certificate())
    der[at] ^= 0xFF
    assert len(certificate(bytes(der)).fingerprint) == 71


def test_no_bytes_are_a_certificate_with_doubt() -> None:
    read = certificate(b"")
    assert (read.subject, read.until) == ("", None)
    assert read.doubt


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_what_is_written_as_json_is_the_same_document_and_acts_on_no_terminal(tree: object) -> None:
    for text in (dumps(tree), dumps(tree, compact=True), dumps(tree, indent=2)):
        assert json.loads(text) == tree
        assert is_clean(text.replace("\n", ""))


def test_json_keeps_letters_readable_and_writes_what_is_no_number_as_null() -> None:
    assert dumps({"Gerät": "\u202e\x7f\ud800"}) == '{"Gerät": "\\u202e\\u007f\\ud800"}'
    assert dumps([float("inf"), float("nan"), 1.5], compact=True) == "[null,null,1.5]"


@pytest.mark.parametrize("kind", ["serial-negative", "serial-zero", "serial-huge", "country-of-five", "v1"])
def test_an_odd_certificate_writes_no_warning_of_a_library(kind: str) -> None:
    with warnings.catch_warnings(record=True) as written:
        warnings.simplefilter("always")
        certificate(make(kind)[0])
    assert not [str(one.message) for one in written]
