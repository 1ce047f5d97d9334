"""MACs, UUIDs and serials of foreign origin: any notation is read, and what identifies nothing is no identity."""

from __future__ import annotations

import uuid

import pytest

from seedvm.foreign.identity import is_locally_administered, is_placeholder, mac, serial, uuid_of


@pytest.mark.parametrize(
    "text",
    [
        *("52:54:00:AA:00:01", "52-54-00-aa-00-01", "5254.00AA.0001", "525400aa0001", " 52:54:0:aa:0:1 "),
        *("52 54 00 AA 00 01", "52.54.00.aa.00.01", "5254:00aa:0001", "5254-00AA-0001", "0x525400AA0001"),
    ],
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
        "02000300-0400-0500-0006-000700080009",
        "00030002-0004-0005-0600-070008000900",
        "08000900-0600-0700-0400-050003000200",
        "urn:uuid:03000200-0400-0500-0006-000700080009",
        "0x03000200040005000006000700080009",
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
    braced = (f"{{{known}}}", f"({known})", f"UUID: {known}", f"uuid:{{{known}}}", f"({{{known}".replace("({", "("))
    for text in (str(known), known.hex.upper(), f"urn:uuid:{known}", f"URN:UUID:{known}", f"0x{known.hex}", *braced):
        assert uuid_of(text) == known


@pytest.mark.parametrize(
    "text",
    ["4c4c45440051-3410-8051-b5c04f375931", "4c4c4544-0051-3410-8051-b5c04f37593", "x4c4c45440051341080", 7, True],
)
def test_what_is_nearly_a_uuid_is_none(text: object) -> None:
    assert uuid_of(text) is None


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
