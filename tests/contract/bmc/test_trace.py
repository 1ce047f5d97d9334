"""A trace shows every command that a real BMC emulator was sent, with what it answered, and neither password nor token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import trace
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.redfish_http import RedfishHttp
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.31"
PASSWORD = "s3cret-of-it"


def begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(trace.VARIABLE, str(folder / "trace.jsonl"))
    return folder / "trace.jsonl"


def commands(path: Path) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, path.read_text().splitlines()) if one["kind"] == "bmc"]


@isolated
async def test_ipmi_commands_are_there_with_their_completion_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin(tmp_path, monkeypatch)
    async with ipmi_sim(tmp_path, ADDRESS, password=PASSWORD):
        assert await IpmiBmc(ADDRESS, "admin", Secret(PASSWORD), gap=0).power() == "off"
        with pytest.raises(SeedvmError):
            await IpmiBmc(ADDRESS, "admin", Secret("wr0ng-one"), gap=0).power()
    told = commands(path)
    assert all((one["protocol"], one["address"]) == ("ipmi", ADDRESS) and one["ms"] > 0 for one in told)
    assert [(one["command"], one["result"]) for one in told][:7] == [
        ("a session request", "unsupported authentication algorithm"),  # of cipher suite 17
        ("a session request", "answered"),
        ("RAKP 1 for user admin", "answered"),
        ("RAKP 3", "answered"),
        ("command 0x06/0x3b", "0x00"),
        ("command 0x00/0x01", "0x00"),
        ("command 0x06/0x3c", "0x00"),
    ]
    assert PASSWORD not in path.read_text() and "wr0ng-one" not in path.read_text()


@isolated
async def test_redfish_requests_are_there_with_their_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = begin(tmp_path, monkeypatch)
    async with redfish_sim(tmp_path, ADDRESS, password=PASSWORD) as sim:
        bmc = RedfishHttp(ADDRESS, "admin", Secret(PASSWORD))
        async with bmc.session():
            assert (await bmc.request("GET", "/redfish/v1/Systems")).status == 200
        assert sim.count("good") > 0
    told = [(one["command"], one["result"]) for one in commands(path) if one["protocol"] == "redfish"]
    assert ("GET /redfish/v1/", 200) in told and ("GET /redfish/v1/Systems", 200) in told
    written = path.read_text()
    assert PASSWORD not in written and "Basic " not in written and "X-Auth-Token" not in written
    with pytest.raises(SeedvmError):
        await bmc.request("GET", "/redfish/v1/Systems")
    assert "Unreachable" in commands(path)[-1]["result"]
