"""Redirects, references, pages and targets: the Redfish service names its resources itself, and nothing leads to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.redfish import RedfishBmc
from tests.contract.bmc.redfish_tried import LINKED, NICS, SESSIONS, SYSTEM, V1, tried
from tests.datacenter.script import Reply, Script, redirect, slash_required
from tests.datacenter.scripted import scripted


async def test_a_service_that_wants_a_slash_everywhere_is_followed_also_by_the_session(tmp_path: Path) -> None:
    seen = await tried(tmp_path, Script({V1: _root_with_slash, "*": slash_required}))
    assert seen.proven.system and seen.findings == {}
    assert seen.bmc.asked("POST", f"{SESSIONS}/")
    assert seen.bmc.record.leaked_slots == 0


def _root_with_slash(request: Any) -> Reply | None:
    return slash_required(request) or Reply(fields=LINKED)


async def test_a_root_that_moved_is_followed(tmp_path: Path) -> None:
    def root(request: Any) -> Reply:
        return redirect(V1) if request.path.endswith("/") else Reply(fields=LINKED)

    assert (await tried(tmp_path, Script({V1: root}))).proven.system


async def test_a_root_that_is_known_without_its_slash_alone_is_asked_for_there(tmp_path: Path) -> None:
    seen = await tried(tmp_path, Script({V1: bare_root_only}))
    assert seen.proven.system and seen.findings == {}
    assert len(seen.bmc.asked("POST", SESSIONS)) == 1


def bare_root_only(request: Any) -> Reply | None:
    return Reply(404, b"", first=True) if request.path.endswith("/") else Reply(fields=LINKED)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_to_another_port_is_not_followed_and_said(tmp_path: Path, status: int) -> None:
    seen = await tried(tmp_path, {V1: redirect("https://127.0.0.1:8080/redfish/v1/", status)})
    assert "redirected elsewhere" in seen.unproven.reason and "8080" in seen.unproven.reason
    assert not seen.bmc.record.logins


MOVED = {
    f"{V1}/Systems": f"{V1}/Rack/7/Computers",
    f"{V1}/Managers": f"{V1}/Rack/7/Controllers",
    f"{V1}/AccountService": f"{V1}/People",
    SESSIONS: f"{V1}/Logins",
}


async def test_the_services_own_references_are_followed(tmp_path: Path) -> None:
    script = Script({V1: Reply(fields=LINKED)}, moved=MOVED)
    seen = await tried(tmp_path, script)
    assert seen.proven.system and seen.proven.system.path == f"{V1}/Rack/7/Computers/1"
    assert seen.proven.system.clock_ahead is not None
    assert seen.findings == {}
    usual = [one.path for one in seen.bmc.record.requests if one.path.rstrip("/") in MOVED]
    assert usual == []


@pytest.mark.parametrize("form", ["https://127.0.0.1:{port}{path}", "{path}/", "1", "{path}?x=1"])
async def test_a_reference_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    port = 40443
    named = form.format(port=port, path=SYSTEM)
    members = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": named}]})}
    systems = {**LINKED, "Systems": {"@odata.id": f"{V1}/Systems/"}}
    seen = await tried(tmp_path, members, root=systems, port=port)
    assert seen.proven.system and seen.proven.system.power == "off"


async def test_ids_that_are_not_ascii_are_read(tmp_path: Path) -> None:
    strange = f"{V1}/Systems/Größe 一"
    quoted = f"{V1}/Systems/Gr%C3%B6%C3%9Fe%20%E4%B8%80"
    script = {
        f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": strange}]}),
        strange: Reply(fields={"PowerState": "On", "SerialNumber": "S1"}),
    }
    seen = await tried(tmp_path, script)
    assert seen.proven.system and (seen.proven.system.path, seen.proven.system.serial) == (quoted, "S1")


async def test_all_pages_of_a_collection_are_read(tmp_path: Path) -> None:
    more = f"{NICS}?$skip=1"
    pages = {
        NICS: lambda request: (
            Reply(fields={"Members": [{"@odata.id": f"{NICS}/2"}]})
            if "skip" in request.path
            else Reply(fields={"Members@odata.nextLink": more})
        ),
        f"{NICS}/2": Reply(fields={"MACAddress": "52:54:00:AA:00:02", "LinkStatus": "LinkUp"}),
    }
    seen = await tried(tmp_path, pages)
    assert seen.machine().macs == ("52:54:00:aa:00:01", "52:54:00:aa:00:02")


async def test_pages_in_a_circle_end(tmp_path: Path) -> None:
    seen = await tried(tmp_path, {NICS: Reply(fields={"Members@odata.nextLink": NICS})})
    assert seen.machine().macs == ("52:54:00:aa:00:01",)


@pytest.mark.parametrize(
    "target",
    [f"{SYSTEM}/Actions/System.Reset", f"https://127.0.0.1:40444{SYSTEM}/Actions/System.Reset", "Actions/System.Reset"],
)
async def test_power_goes_to_the_services_own_target(target: str) -> None:
    path = f"{SYSTEM}/"
    actions = {"#ComputerSystem.Reset": {"target": target}}
    script = Script({SYSTEM: Reply(fields={"Actions": actions})}, moved={})
    script.replies |= {f"POST {SYSTEM}/Actions/System.Reset": Reply(204, body=b"", first=True)}  # type: ignore[operator]
    async with scripted(script, port=40444) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        async with client.session():
            await client.reset(path, "On")
        assert bmc.asked("POST", f"{SYSTEM}/Actions/System.Reset")


async def test_a_service_without_a_target_gets_the_usual_one_without_two_slashes() -> None:
    async with scripted({SYSTEM: Reply(fields={"Actions": ...})}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        await client.set_power(f"{SYSTEM}/", "on")
        assert bmc.record.changes == ["power On"]
        assert not [one for one in bmc.record.requests if "//" in one.path]


async def test_a_target_elsewhere_gets_nothing() -> None:
    actions = {"#ComputerSystem.Reset": {"target": "https://192.0.2.9/reset"}}
    async with scripted({SYSTEM: Reply(fields={"Actions": actions})}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        with pytest.raises(SeedvmError, match="elsewhere"):
            await client.set_power(SYSTEM, "on")
        assert not bmc.record.changes
