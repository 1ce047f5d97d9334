"""What is optional at a Redfish service never undoes a login, and what cannot be read is named with its path and reason."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.bmc.redfish_tried import LINKED, NICS, SESSIONS, V1, both_logins, presence, tried
from tests.datacenter.script import Reply


@both_logins
async def test_the_plain_service_is_proven_without_a_finding(tmp_path: Path, root: Mapping[str, object]) -> None:
    seen = await tried(tmp_path, {}, root=root)
    assert (seen.findings, seen.counted) == ({}, 0)
    assert seen.machine().boot_mac == "52:54:00:aa:00:01"
    assert bool(seen.bmc.asked("POST", SESSIONS)) == (root is LINKED)
    assert seen.bmc.record.leaked_slots == 0


ABSENT: dict[str, tuple[str, Reply]] = {
    "a port that is not there": (f"{NICS}/1", Reply(404)),
    "a port that fails": (f"{NICS}/1", Reply(500, body=b"")),
    "the ports": (NICS, Reply(404)),
    "ports that fail": (NICS, Reply(500)),
    "ports that are no JSON": (NICS, Reply(body=b"{")),
    "ports elsewhere": (NICS, Reply(fields={"Members": [{"@odata.id": "https://192.0.2.9/x"}]})),
    "a port that is cut off": (f"{NICS}/1", Reply(cut=10)),
    "a port behind a reset": (f"{NICS}/1", Reply(cut=0, end="reset")),
    "a port that is refused": (f"{NICS}/1", Reply(403)),
    "a port that asks who we are": (f"{NICS}/1", Reply(401)),
    "a port that is busy": (f"{NICS}/1", Reply(503)),
    "the managers": (f"{V1}/Managers", Reply(500)),
    "one manager": (f"{V1}/Managers/1", Reply(body=b"[]")),
    "the account service": (f"{V1}/AccountService", Reply(500)),
    "the accounts": (f"{V1}/AccountService/Accounts", Reply(404)),
    "many header lines": (f"{V1}/Managers/1", Reply(headers=[(f"X-{n}", "y") for n in range(2000)])),
}


@pytest.mark.parametrize(("path", "reply"), ABSENT.values(), ids=ABSENT)
@both_logins
async def test_what_is_optional_never_undoes_a_login_and_is_named(
    tmp_path: Path, path: str, reply: Reply, root: Mapping[str, object]
) -> None:
    with presence():
        seen = await tried(tmp_path, {path: reply}, root=root)
    assert seen.counted == 0
    assert seen.ledger.held(seen.bmc.address) is None
    machine = seen.machine()
    assert machine.usable
    assert path.removesuffix("/1") in seen.findings["redfish-part-unread"]
    assert all(one.cure for one in seen.answer.seen)
    assert (machine.boot_mac is None) == path.startswith(NICS)


async def test_a_second_port_that_cannot_be_read_leaves_the_first_one_known_and_not_certain(tmp_path: Path) -> None:
    listed = Reply(fields={"Members": [{"@odata.id": f"{NICS}/1"}, {"@odata.id": f"{NICS}/2"}]})
    for status in (404, 500):
        seen = await tried(tmp_path, {NICS: listed, f"{NICS}/2": Reply(status)})
        machine = seen.machine()
        assert (machine.macs, machine.boot_mac, machine.usable) == (("52:54:00:aa:00:01",), None, True)
        assert f"{NICS}/2" in seen.findings["redfish-part-unread"]
        assert f"HTTP {status}" in seen.findings["redfish-part-unread"]


@pytest.mark.parametrize("named", ["http://[", "https://192.0.2.9/x", "?", "../../..", 7, {}, ""])
@pytest.mark.parametrize("name", ["Managers", "AccountService", "Chassis"])
async def test_a_root_that_names_an_optional_resource_elsewhere_is_no_obstacle(
    tmp_path: Path, name: str, named: object
) -> None:
    seen = await tried(tmp_path, {}, root={**LINKED, name: {"@odata.id": named}})
    assert seen.machine().usable and seen.counted == 0


@pytest.mark.parametrize("members", [None, 7, "x", {}, {"@odata.id": f"{NICS}/1"}, ...])
async def test_ports_that_are_no_list_are_not_taken_for_none(tmp_path: Path, members: object) -> None:
    seen = await tried(tmp_path, {NICS: Reply(fields={"Members": members, "Members@odata.count": ...})})
    assert (seen.machine().usable, seen.machine().boot_mac) == (True, None)
    assert f"Redfish answers no list at {NICS}" in seen.findings["redfish-part-unread"]


@pytest.mark.parametrize("foreign", ["https://192.0.2.9/redfish/v1/x", "http://[", "", "//192.0.2.9/"])
async def test_a_port_that_is_named_elsewhere_costs_no_other_one(tmp_path: Path, foreign: str) -> None:
    listed = Reply(fields={"Members": [{"@odata.id": foreign}, {"@odata.id": f"{NICS}/1"}]})
    machine = (seen := await tried(tmp_path, {NICS: listed})).machine()
    assert (machine.macs, machine.boot_mac, machine.usable) == (("52:54:00:aa:00:01",), None, True)
    assert f"{foreign} in {NICS} could not be read" in seen.findings["redfish-part-unread"]


@pytest.mark.parametrize("further", [Reply(500), Reply(404), Reply(body=b"[]"), Reply(cut=20)])
async def test_a_further_page_of_ports_that_fails_costs_none_of_the_first_page(tmp_path: Path, further: Reply) -> None:
    listed = Reply(fields={"Members": [{"@odata.id": f"{NICS}/1"}], "Members@odata.nextLink": f"{V1}/More"})
    machine = (seen := await tried(tmp_path, {NICS: listed, f"{V1}/More": further})).machine()
    assert (machine.macs, machine.boot_mac, machine.usable) == (("52:54:00:aa:00:01",), None, True)
    assert f"a further page of {NICS} could not be read" in seen.findings["redfish-part-unread"]


@pytest.mark.slow
async def test_a_manager_that_drips_does_not_hold_the_login_for_long(tmp_path: Path) -> None:
    began = time.monotonic()
    seen = await tried(tmp_path, {f"{V1}/Managers/1": Reply(drip=(1, 0.5))})
    assert seen.proven.system and "no end" in seen.findings["redfish-part-unread"]
    assert time.monotonic() - began < 60
