"""Findings are seen on the BMC at hand: where the fault is, it is found; where it only looks like it, it is not."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.credentials import prove
from seedvm.bmc.findings import login_findings
from seedvm.bmc.ipmi20_session import login
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from tests.contract.bmc.bmcs import ipmi_sim, pyghmi_bmc, redfish_sim
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"


async def names(folder: Path, user: str, password: str) -> tuple[Proven | Unproven, set[str]]:
    """What a BMC at ADDRESS is found guilty of after a try with one pair."""
    make = partial(RedfishBmc, ADDRESS)
    answer = await prove(BmcLogin(ADDRESS, Ledger(folder), make), ["ipmi-2.0"], [Candidate(user, Secret(password))])
    return answer, {one.name for one in await login_findings(ADDRESS, ["ipmi-2.0"], answer)}


@isolated
async def test_cipher_suite_0_is_found_by_the_suite_that_is_granted(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        _, found = await names(tmp_path, "admin", "right")
        assert found == {"cipher-0"}


@isolated
async def test_a_bmc_that_answers_suite_0_with_suite_3_is_not_accused(tmp_path: Path) -> None:
    async with pyghmi_bmc(tmp_path, ADDRESS):
        _, found = await names(tmp_path, "admin", "right")
        assert found == set()


@isolated
async def test_a_login_without_name_and_password_is_found(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, anonymous=True):
        _, found = await names(tmp_path, "admin", "right")
        assert "anonymous-user" in found


@isolated
async def test_a_factory_password_is_found_also_where_it_was_not_among_the_candidates(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, user="root", password="calvin"):
        with_it, found = await names(tmp_path, "root", "calvin")
        assert isinstance(with_it, Proven)
        assert "default-password" in found
        without, found = await names(tmp_path, "root", "other")
        assert isinstance(without, Unproven)
        assert "Dell" in without.cure
        assert "default-password" in found


@isolated
async def test_a_clock_that_is_an_hour_ahead_is_found(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        async with login(ADDRESS, "admin", [Secret("right")]) as session:
            ahead = int(time.time() + 3600).to_bytes(4, "little")
            assert (await session.command(0x0A, 0x49, ahead)).code == 0
        answer, found = await names(tmp_path, "admin", "right")
        assert "clock-off" in found
        assert isinstance(answer, Proven)
        assert answer.clock_ahead is not None
        assert 3500 < answer.clock_ahead < 3700


@isolated
async def test_ipmi_turned_off_and_a_password_to_be_changed_are_said_by_redfish(tmp_path: Path) -> None:
    manager, network = "/redfish/v1/Managers/1", "/redfish/v1/Managers/1/NetworkProtocol"
    ahead = datetime.now(UTC) + timedelta(hours=1)
    overlay = {
        "/redfish/v1/Managers": {"Members": [{"@odata.id": manager}]},
        manager: {"DateTime": ahead.isoformat(), "NetworkProtocol": {"@odata.id": network}},
        network: {"IPMI": {"ProtocolEnabled": False, "Port": 623}},
    }
    right = [Candidate("admin", Secret("right"))]
    async with redfish_sim(tmp_path / "off", ADDRESS) as sim:
        sim.overlay.write_text(json.dumps(overlay))
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), partial(RedfishBmc, ADDRESS)), ["redfish"], right)
        found = {one.name for one in await login_findings(ADDRESS, ["redfish"], answer)}
        assert found == {"ipmi-lan-off", "clock-off"}
    async with redfish_sim(tmp_path / "expired", ADDRESS, expired=True):
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), partial(RedfishBmc, ADDRESS)), ["redfish"], right)
        assert [one.name for one in await login_findings(ADDRESS, ["redfish"], answer)] == ["password-change-required"]


@isolated
async def test_a_privilege_that_is_too_low_is_a_finding(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, privilege="user"):
        _, found = await names(tmp_path, "admin", "right")
        assert "privilege-too-low" in found
