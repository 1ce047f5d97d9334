"""Foreign values become types at one edge: what cannot be read is unknown, what identifies nothing is no identity."""

from __future__ import annotations

import json
import unicodedata
import uuid
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from seedvm.foreign.certificate import certificate
from seedvm.foreign.identity import is_locally_administered, is_placeholder, mac, serial, uuid_of
from seedvm.foreign.json_document import NotJson, dumps, parse, parse_object
from seedvm.foreign.numbers import decimal, integer, real
from seedvm.foreign.text import cells, exact, fitted, is_clean, printable, shown, shown_bytes
from seedvm.foreign.url import Elsewhere, Origin
from tests.datacenter.certificates import make

BMC = Origin("https", "192.0.2.1", 443)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("  two\r\n lines\t", "two lines"),
        ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://192.0.2.9\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jc1", "c1"),
        ("a\x08b\x7fc", "a b c"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("a\u2066b\u2069c\u200bd\ufeff", "abcd"),
        ("line\u2028separator", "line separator"),
        ("\ud800lone", "lone"),
        ("Zürich 東京", "Zürich 東京"),
        (None, ""),
        (7, "7"),
    ],
)
def test_what_is_shown_is_one_line_that_moves_nothing(text: object, line: str) -> None:
    assert shown(text) == line


@given(st.text(), st.integers(min_value=3, max_value=80))
def test_no_text_brings_a_control_to_the_screen(text: str, most: int) -> None:
    line = shown(text, most)
    assert len(line) <= most
    assert is_clean(line)
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in line)


def test_a_cut_is_seen() -> None:
    assert shown("x" * 300) == "x" * 197 + "..."
    assert shown("\x1b[31m" * 10_000, 20) == "..."


def test_marks_do_not_pile_up() -> None:
    assert len(shown("a" + "\u0301" * 100)) <= 6


def test_bytes_end_at_their_nul() -> None:
    assert shown_bytes(b"name\0\0rest") == "name"
    assert shown_bytes(b"\xff") == "\ufffd"
    assert shown_bytes(None) == ""


def test_what_is_compared_is_never_cut() -> None:
    wwn = "nvme.1987-3241313430373935304644453030313434343430-53504343204d2e32205043496520535344-00000001"
    assert exact(wwn) == wwn
    assert exact("x" * 5000) == ""
    assert exact("a\x1bb") == ""
    assert exact(" S1\0\0") == "S1"
    assert exact(5) == ""


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
    "text",
    ["52:54:00:AA:00:01", "52-54-00-aa-00-01", "5254.00AA.0001", "525400aa0001", " 52:54:0:aa:0:1 "],
)
def test_a_mac_in_any_notation(text: str) -> None:
    assert mac(text) == "52:54:00:aa:00:01"


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:01",
        "52:54:00:aa:00",
        "52:54:00:aa:00:01:02:03",
        5,
        "52:54-00:aa:00:01",
    ],
)
def test_what_is_no_nic_is_no_mac(text: object) -> None:
    assert mac(text) is None


def test_host_interfaces_have_local_macs() -> None:
    assert is_locally_administered("b2:93:12:04:00:01")
    assert not is_locally_administered("00:25:90:aa:00:01")


@pytest.mark.parametrize(
    "text",
    [
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "03020100-0504-0706-0809-0a0b0c0d0e0f",
        "01020304-0506-0708-090a-0b0c0d0e0f10",
        "01234567-89ab-cdef-0123-456789abcdef",
        "4c4c4544-0000-2010-8020-80c04f202020",
        "56f49712-ffff-ffff-ffff-ffffffffffff",
        "07090201-0103-0301-0807-060504030201",
        "Not Settable",
        "",
        None,
    ],
)
def test_a_placeholder_is_no_uuid(text: object) -> None:
    assert uuid_of(text) is None


def test_a_uuid_in_its_notations() -> None:
    known = uuid.UUID("4c4c4544-0051-3410-8051-b5c04f375931")
    for text in (str(known), known.hex.upper(), f"{{{known}}}", f"urn:uuid:{known}"):
        assert uuid_of(text) == known


@pytest.mark.parametrize(
    "text",
    [
        "To be filled by O.E.M.",
        "To Be Filled By O.E.M",
        "Default string",
        "System Serial Number",
        "Base Board Serial Number",
        "Chassis Serial Number",
        "0123456789",
        "123456789",
        "1234567890",
        "None",
        "N/A",
        "Not Specified",
        "..........",
        "........",
        "0000000000",
        "  ",
        "xxxxxxxxxx",
        "OEM",
        "Unknown",
        "NULL",
    ],
)
def test_a_placeholder_is_no_serial(text: str) -> None:
    assert serial(text) == ""
    assert is_placeholder(text.strip()) or not text.strip()


@pytest.mark.parametrize(
    "text", ["CZ12345678", "S454NA0M", "J30SGX2", "7CE923P4TK", "06AAB12", "SN-0001", "1234567X", "100"]
)
def test_a_serial_is_one(text: str) -> None:
    assert serial(text) == text


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


@given(st.text() | st.text("\x1b[]0;mP^_\x07\x9b\u202e\u2028 ab\n"))
def test_a_finished_line_keeps_its_columns_and_nothing_that_acts(text: str) -> None:
    line = printable(text)
    assert is_clean(line) and "\n" not in line
    assert printable(line) == line
    assert printable(f"  {'a':<9} b") == "  a         b"


@given(st.text(), st.integers(1, 40))
def test_a_cell_has_exactly_its_width_on_a_terminal(text: str, width: int) -> None:
    assert cells(fitted(text, width)) == width


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc~"), ("\u6f22\u5b57\u6f22", 4, "\u6f22~ "), ("e\u0301", 2, "e\u0301 ")],
)
def test_wide_characters_take_two_columns_and_marks_none(text: str, width: int, wanted: str) -> None:
    assert fitted(text, width) == wanted


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


@pytest.mark.parametrize(
    "text",
    [
        "$(DEFAULT_STRING)",
        "SystemSerialNumb",
        "No Serial",
        "Fill By OEM",
        "Unset",
        "None Provided",
        "not defined",
        "Unavailable",
        "(none)",
        "<none>",
        "[None]",
        "'N/A'",
        "Not-Available",
        "not_available",
        "No Asset Tag",
    ],
)
def test_more_that_firmware_has_where_nobody_filled_it_in(text: str) -> None:
    assert serial(text) == ""


@pytest.mark.parametrize(
    "text", ["NA-1234", "NO7SERIAL", "UN-SET-9", "Asset-0042", "(21)0399", "FILL42", "NONE7", "1A-2B"]
)
def test_a_serial_that_only_looks_like_a_placeholder_is_one(text: str) -> None:
    assert serial(text) == text


def test_a_mac_in_two_halves_is_one() -> None:
    assert mac("525400-AA0001") == "52:54:00:aa:00:01"
