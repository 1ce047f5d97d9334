"""IPMI 1.5: a login is proven with every kind of authentication, and a wrong password leaves once per account and window."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol, MakeRedfish
from seedvm.bmc.credentials import prove, still_opens
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from tests.contract.bmc.bmcs import GUID, ipmi_sim
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"


def make(user: str, password: Secret) -> RedfishBmc:
    return RedfishBmc(ADDRESS, user, password)


MAKE: MakeRedfish = make


@pytest.mark.parametrize("auths", ["md5", "md2", "straight"])
def test_the_right_password_opens_it(tmp_path: Path, auths: str) -> None:
    @isolated
    async def run() -> None:
        async with ipmi_sim(tmp_path, ADDRESS, auths=auths):
            ledger = Ledger(tmp_path)
            answer = await prove(BmcLogin(ADDRESS, ledger, MAKE), ["ipmi-1.5"], [Candidate("admin", Secret("right"))])
            assert isinstance(answer, Proven), answer
            assert answer.protocol == "ipmi"
            assert answer.identity is not None and answer.identity.guid.hex() == GUID
            assert ledger.failures() == ()
            bmc = IpmiBmc(ADDRESS, "admin", Secret("right"), gap=0, old=True)
            await bmc.set_power("on")
            assert await bmc.power() == "on"

    run()


@isolated
async def test_one_wrong_password_leaves_and_no_second(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="md5"):
        candidates = [Candidate("admin", Secret(text)) for text in ("wrong", "right")]
        for _ in range(2):
            answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), ["ipmi-1.5"], candidates)
            assert isinstance(answer, Unproven)
            assert "is postponed to avoid locking the account" in answer.reason
            assert answer.retry_seconds > 3000
        assert len(Ledger(tmp_path).failures()) == 1
        first = await prove(BmcLogin(ADDRESS, Ledger(_new(tmp_path)), MAKE), ["ipmi-1.5"], candidates, [candidates[1]])
        assert isinstance(first, Proven)  # what opened other BMCs goes first


@isolated
async def test_an_unknown_user_is_refused_by_name_and_costs_nothing(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="md5"):
        candidates = [Candidate("root", Secret("wrong")), Candidate("admin", Secret("right"))]
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), ["ipmi-1.5"], candidates)
        assert isinstance(answer, Proven)
        assert Ledger(tmp_path).failures() == ()


@isolated
async def test_a_login_without_authentication_proves_nothing(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="none"):
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), ["ipmi-1.5"], [Candidate("admin", Secret("x"))])
        assert isinstance(answer, Unproven)
        assert "no password can be verified" in answer.reason


@isolated
async def test_a_proven_pair_is_checked_by_a_login(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="md5"):
        ledger = Ledger(tmp_path)
        assert await still_opens(BmcLogin(ADDRESS, ledger), Candidate("admin", Secret("right")), BmcProtocol.IPMI_15)
        assert not await still_opens(BmcLogin(ADDRESS, ledger), Candidate("admin", Secret("old")), BmcProtocol.IPMI_15)
        assert len(ledger.failures()) == 1


@isolated
async def test_fifty_logins_leave_no_session_slot_taken(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="md5"):
        bmc = IpmiBmc(ADDRESS, "admin", Secret("right"), gap=0, old=True)
        for _ in range(50):
            assert await bmc.power() == "off"


def _new(folder: Path) -> Path:
    fresh = folder / "fresh"
    fresh.mkdir()
    return fresh
