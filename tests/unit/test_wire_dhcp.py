"""DHCP as it is seen on the wire, and which machine a request is from."""

from __future__ import annotations

import struct
import uuid

import pytest

from seedvm.scan.sniff import match_machine
from seedvm.wire import WireError, dhcp

MAC = "52:54:00:aa:00:02"
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def with_options(options: bytes) -> bytes:
    """A DISCOVER frame with its options replaced."""
    frame = dhcp.discover_frame(MAC, 7)
    start = 14 + 20 + 8 + 240
    return frame[:start] + options


def test_our_own_discover_is_understood() -> None:
    said = dhcp.parse_frame(dhcp.discover_frame(MAC, 0xCAFE))
    assert (said.request, said.kind, said.transaction, said.mac) == (True, dhcp.DISCOVER, 0xCAFE, MAC)


def test_the_ip_header_of_our_discover_adds_up() -> None:
    header = dhcp.discover_frame(MAC, 1)[14:34]
    total = sum(struct.unpack(">10H", header))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_option_97_and_93_are_read() -> None:
    frame = with_options(bytes((53, 1, 1, 97, 17, 0)) + UUID.bytes_le + bytes((93, 2, 0, 7, 255)))
    said = dhcp.parse_frame(frame)
    assert said.client_uuid == UUID.bytes_le
    assert said.architecture == 7


@pytest.mark.parametrize("address", [bytes(6), b"\xff" * 6, b"\x01\0\x5e\0\0\1"])
def test_a_clients_address_that_is_no_nics_is_refused(address: bytes) -> None:
    frame = dhcp.discover_frame(MAC, 7)
    at = 14 + 20 + 8 + 28
    with pytest.raises(WireError, match="a group's, or zero"):
        dhcp.parse_frame(frame[:at] + address + frame[at + 6 :])


def test_an_option_that_runs_over_the_end_is_refused() -> None:
    with pytest.raises(WireError, match="over the end"):
        dhcp.parse_frame(with_options(bytes((53, 1, 1, 97, 200, 0))))


def request(raw: bytes | None) -> dhcp.Dhcp:
    return dhcp.Dhcp(True, dhcp.DISCOVER, 1, MAC, client_uuid=raw)


@pytest.mark.parametrize("order", ["bytes", "bytes_le"])
@pytest.mark.parametrize("guid_order", ["bytes", "bytes_le"])
def test_a_request_is_matched_in_both_byte_orders(order: str, guid_order: str) -> None:
    guids = {"a": getattr(UUID, guid_order), "b": uuid.uuid4().bytes}
    assert match_machine(request(getattr(UUID, order)), guids) == "a"


def test_two_machines_with_one_uuid_are_not_matched() -> None:
    assert match_machine(request(UUID.bytes), {"a": UUID.bytes, "b": UUID.bytes_le}) is None


def test_a_request_without_a_uuid_is_nobodys() -> None:
    assert match_machine(request(None), {"a": UUID.bytes}) is None


def test_an_all_zero_uuid_is_nobodys() -> None:
    assert match_machine(request(bytes(16)), {"a": bytes(16)}) is None
