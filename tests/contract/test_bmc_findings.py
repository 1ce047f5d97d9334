"""Findings are seen on the BMC at hand: where the fault is, it is found; where it only looks like it, it is not."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from seedvm.bmc.credentials import Proven, Unproven, prove
from seedvm.bmc.findings import login_findings
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.session import login
from seedvm.secret import Candidate, Secret
from tests.contract.bmcs import ipmi_sim, pyghmi_bmc
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"


async def names(folder: Path, user: str, password: str) -> tuple[Proven | Unproven, set[str]]:
    """What a BMC at ADDRESS is found guilty of after a try with one pair."""
    make = partial(RedfishBmc, ADDRESS)
    answer = await prove(ADDRESS, ["ipmi-2.0"], [Candidate(user, Secret(password))], Ledger(folder), make)
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
