"""Redfish logs in by a session where there is one, gives it back, and uses HTTP basic where there is none or no room."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.redfish_http import Unauthorized
from seedvm.site.accounts import Candidate
from tests.contract.bmc.bmcs import redfish_sim
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"
SESSIONS = "/redfish/v1/SessionService/Sessions"
RIGHT = Candidate("admin", Secret("right"))
MAKE = partial(RedfishBmc, ADDRESS)


@isolated
async def test_a_session_is_opened_once_and_given_back(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, sessions=2) as sim:
        bmc = MAKE("admin", Secret("right"))
        for number in range(1, 6):  # more often than there are sessions
            await bmc.system()
            assert (sim.count("good"), sim.count("bad")) == (number, 0)
        assert (await bmc.get(SESSIONS))["Members"] == []


@isolated
async def test_a_session_is_given_back_where_the_work_within_fails(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS):
        bmc = MAKE("admin", Secret("right"))
        with pytest.raises(RuntimeError):
            async with bmc.session():
                raise RuntimeError
        assert (await bmc.get(SESSIONS))["Members"] == []


@isolated
async def test_with_all_sessions_taken_basic_has_to_do(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, sessions=1) as sim, MAKE("admin", Secret("right")).session():
        assert (await MAKE("admin", Secret("right")).system()).macs
        assert sim.count("bad") == 0


@isolated
async def test_a_service_without_sessions_or_without_basic_is_opened(tmp_path: Path) -> None:
    for name, rules in (("plain", {"sessions": 0}), ("modern", {"basic": False})):
        async with redfish_sim(tmp_path / name, ADDRESS, **rules) as sim:
            answer = await prove(BmcLogin(ADDRESS, Ledger(_new(tmp_path / f"l-{name}")), MAKE), ["redfish"], [RIGHT])
            assert isinstance(answer, Proven), answer
            assert sim.count("bad") == 0


@isolated
async def test_a_wrong_password_is_one_failed_login_and_never_tried_again_by_the_other_way(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS) as sim:
        with pytest.raises(Unauthorized):
            await MAKE("admin", Secret("wrong")).system()
        assert (sim.count("good"), sim.count("bad")) == (0, 1)


@isolated
async def test_a_user_who_may_only_read_is_named(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, role="ReadOnly"):
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), ["redfish"], [RIGHT])
        assert isinstance(answer, Unproven)
        assert answer.finding == "privilege-too-low"
        assert Ledger(tmp_path).failures() == ()


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
