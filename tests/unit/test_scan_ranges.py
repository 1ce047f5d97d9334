"""Ranges, the cost of a scan, and the Redfish service root as bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.base.errors import SeedvmError
from seedvm.scan.evidence import REDFISH, Bmc, Evidence
from seedvm.scan.ranges import addresses, wires
from seedvm.scan.root import parse_root
from seedvm.scan.sweep import plan_sweep


@pytest.mark.parametrize(
    ("text", "count"),
    [("10.0.0.5", 1), ("10.0.0.5-10.0.0.9", 5), ("10.0.0.5-9", 5), ("10.0.0.0/24", 254), ("10.0.0.4/31", 2)],
)
def test_every_notation_of_a_range(text: str, count: int) -> None:
    assert len(addresses([text])) == count


def test_ipv6_and_zones() -> None:
    assert addresses(["fd00::a-fd00::c", "fe80::21%eth-1", "10.0.0.1"]) == (
        "10.0.0.1",
        "fd00::a",
        "fd00::b",
        "fd00::c",
        "fe80::21%eth-1",
    )
    assert len(addresses(["fd00::10/124"])) == 16


def test_a_wire_is_named_and_holds_no_address_yet() -> None:
    assert wires(["fe80::/10%eth1", "10.0.0.1", "fe80::/10%eth1"]) == ("eth1",)
    assert addresses(["fe80::/10%eth1"]) == ()


def test_ranges_that_overlap_give_each_address_once() -> None:
    assert addresses(["10.0.0.2-10.0.0.4", "10.0.0.3-10.0.0.5"]) == ("10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5")


@pytest.mark.parametrize(
    "text", ["10.0.0.9-10.0.0.5", "10.0.0", "rack", "10.0.0.0/8", "fe80::1", "fe80::/64", "10.0.0.1-fd00::1", ""]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(SeedvmError):
        addresses([text])


def test_the_cost_is_known_before_the_start() -> None:
    budget = plan_sweep(["10.0.0.0/24"])
    assert budget.addresses == 254
    assert budget.packets == 254 * 5
    assert 5 < budget.seconds < 15


def answer(body: bytes, head: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return head + b"\r\nContent-Type: application/json\r\n\r\n" + body


def test_a_service_root_is_recognised() -> None:
    said = {"RedfishVersion": "1.6.0", "UUID": "92384634-2938-2342-8820-489239905423", "Vendor": "Contoso"}
    root = parse_root(answer(json.dumps(said).encode()), REDFISH)
    assert root is not None
    assert (root.version, root.vendor, root.uuid) == ("1.6.0", "Contoso", said["UUID"])


def test_a_chunked_service_root_is_recognised() -> None:
    body = json.dumps({"RedfishVersion": "1.6.0"}).encode()
    chunked = b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x}".encode() + b"\r\n" + body[5:] + b"\r\n0\r\n\r\n"
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    assert parse_root(raw, REDFISH) is not None


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"<html>welcome</html>"),
        answer(b"{}"),
        answer(b'{"RedfishVersion": 3}'),
        answer(b"[" * 100000),
        answer(b'{"RedfishVersion": "1"}', b"HTTP/1.1 404 no"),
        answer(b'{"error": {"code": 401, "title": "Unauthorized", "message": "no"}}', b"HTTP/1.1 401 no"),
    ],
)
def test_what_is_no_service_root_is_no_bmc(raw: bytes) -> None:
    assert parse_root(raw, REDFISH) is None


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_a_root_or_none(raw: bytes) -> None:
    parse_root(raw, REDFISH)
    parse_root(answer(raw), REDFISH)


def test_a_fact_said_twice_by_one_source_is_kept_once_and_a_contradiction_is_kept() -> None:
    first, again = Evidence("uuid", "1", "Redfish", "t1"), Evidence("uuid", "1", "Redfish", "t2")
    other = Evidence("uuid", "2", "IPMI", "t3")
    bmc = Bmc("10.0.0.1").with_([REDFISH], [first]).with_([REDFISH], [again, other])
    assert bmc.evidence == (first, other)
    assert bmc.facts("uuid") == ("1", "2")
