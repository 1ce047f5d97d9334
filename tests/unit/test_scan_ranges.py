"""Ranges, the cost of a scan, and the Redfish service root as bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.base.errors import SeedvmError
from seedvm.scan.evidence import REDFISH, Bmc, Evidence
from seedvm.scan.ranges import addresses, wires
from seedvm.scan.root import parse_root, why_no_root
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


REFUSAL = {"error": {"code": "Base.1.8.GeneralError", "message": "no"}}


@pytest.mark.parametrize("raw", [b"%s", b"\xef\xbb\xbf%s", b"%s\0\0", b"\r\n%s\r\n"])
def test_a_service_root_is_recognised(raw: bytes) -> None:
    said = {"RedfishVersion": "1.6.0", "UUID": "92384634-2938-2342-8820-489239905423", "Vendor": "Contoso"}
    root = parse_root(raw % json.dumps(said).encode(), REDFISH)
    assert root is not None
    assert (root.version, root.vendor, root.uuid) == ("1.6.0", "Contoso", said["UUID"])


def test_a_root_that_names_no_version_is_known_by_its_type() -> None:
    root = parse_root(b'{"@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot", "RedfishVersion": null}', REDFISH)
    assert root is not None
    assert root.version == ""


@pytest.mark.parametrize(
    ("status", "said", "headers", "closed"),
    [
        (401, REFUSAL, {}, "asks for a login"),
        (401, None, {"odata-version": "4.0"}, "asks for a login"),
        (403, REFUSAL, {}, "answers HTTP 403"),
        (503, REFUSAL, {}, "answers HTTP 503"),
    ],
)
def test_a_root_that_may_not_be_read_is_still_one(
    status: int, said: object, headers: dict[str, str], closed: str
) -> None:
    root = parse_root(json.dumps(said).encode() if said else b"", REDFISH, status, headers)
    assert root is not None
    assert root.closed == closed


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"<html>welcome</html>", ""),
        (200, b'{"status": "ok"}', ""),
        (200, b"{}", "answers no service root at /redfish/v1/: it is an empty object"),
        (200, b"[]", "answers no service root at /redfish/v1/: it is not an object but a list"),
        (404, b'{"RedfishVersion": "1"}', ""),
        (200, b"[" * 100000, "answers no JSON at /redfish/v1/: it is nested too deeply"),
        (200, b'{"RedfishVersion": "1",}', "answers no JSON at /redfish/v1/: "),
        (200, b'{"RedfishVersion": "\xff"}', "answers no JSON at /redfish/v1/: byte 0xff at 20"),
        (401, b'{"error": {"code": 401, "message": "no"}}', "asks for a login at /redfish/v1/ (HTTP 401)"),
        (403, b"<html>no</html>", "answers HTTP 403 at /redfish/v1/"),
    ],
)
def test_what_is_no_service_root_is_no_bmc_and_what_is_odd_about_it_is_said(status: int, body: bytes, why: str) -> None:
    assert parse_root(body, REDFISH, status) is None
    said = why_no_root(body, status, {"content-type": "text/html"})
    assert said.startswith(why) and bool(said) == bool(why)


@pytest.mark.parametrize("body", [b"null", b'"no"', b"7", b"true"])
def test_json_that_is_no_object_is_said(body: bytes) -> None:
    said = why_no_root(body, 200, {"content-type": "application/json; charset=utf-8"})
    assert said.startswith("answers no service root at /redfish/v1/: it is not an object but ")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ({"RedfishVersion": 1.6}, "1.6"),
        ({"RedfishVersion": 1}, "1"),
        ({"RedfishVersion": ["1.6.0"]}, ""),
        ({"RedfishVersion": {"v1": "1.6.0"}}, ""),
        ({"RedfishVersion": None}, ""),
        ({"RedfishVersion": True}, ""),
        ({"@odata.type": "ServiceRoot.v1_5_0.ServiceRoot"}, ""),
        ({"@odata.id": "/redfish/v1/", "Systems": {"@odata.id": "/redfish/v1/Systems"}}, ""),
    ],
)
def test_a_root_that_garbles_what_it_must_have_is_one_all_the_same(said: object, version: str) -> None:
    root = parse_root(json.dumps(said).encode(), REDFISH)
    assert root is not None
    assert root.version == version


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503, 504])
def test_a_refusal_in_redfishs_own_form_is_a_sign_of_it_at_any_status(status: int) -> None:
    root = parse_root(json.dumps(REFUSAL).encode(), REDFISH, status)
    assert root is not None
    assert root.closed == f"answers HTTP {status}"


@pytest.mark.parametrize(
    "number",
    [
        "03000200-0400-0500-0006-000700080009",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "{02000300-0400-0500-0006-000700080009}",
    ],
)
def test_a_uuid_that_firmware_puts_into_many_machines_is_none(number: str) -> None:
    root = parse_root(json.dumps({"RedfishVersion": "1.6.0", "UUID": number}).encode(), REDFISH)
    assert root is not None
    assert (root.uuid, root.placeholder) == ("", number)


@given(raw=st.binary(max_size=400), status=st.sampled_from([200, 401, 403, 503]))
def test_any_bytes_are_a_root_or_none(raw: bytes, status: int) -> None:
    parse_root(raw, REDFISH, status)
    why_no_root(raw, status, {})


def test_a_fact_said_twice_by_one_source_is_kept_once_and_a_contradiction_is_kept() -> None:
    first, again = Evidence("uuid", "1", "Redfish", "t1"), Evidence("uuid", "1", "Redfish", "t2")
    other = Evidence("uuid", "2", "IPMI", "t3")
    bmc = Bmc("10.0.0.1").with_([REDFISH], [first]).with_([REDFISH], [again, other])
    assert bmc.evidence == (first, other)
    assert bmc.facts("uuid") == ("1", "2")
