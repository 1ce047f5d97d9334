"""A BMC that lets nobody do anything before the password is changed (DSP0266 13.2.6) gets a new one by the one way that is open."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.credentials import still_opens
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.redfish_http import RedfishAnswer
from seedvm.engine.step import Context, Done, Todo
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import ensure_generated, load_proven, load_rotations, store_candidates
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.rotate import RotateStep
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.steps import Notes, bring_about
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"
FACTORY = Candidate("admin", Secret("right"))
MAKE = partial(RedfishBmc, ADDRESS)


def one_bmc(state_dir: Path, site: Site) -> Context:
    file = state_dir / "secrets.yaml"
    store_candidates(file, (FACTORY,))
    inventory.update(state_dir, KnownMachine(ADDRESS, protocols=("redfish",)))
    return Context(site, ensure_generated(file), state_dir, state_dir)


def known(state_dir: Path) -> KnownMachine:
    machine = inventory.load(state_dir).machine(ADDRESS)
    assert machine is not None
    return machine


@pytest.mark.parametrize("sessions", [16, 0], ids=["by a session", "by basic"])
def test_it_is_not_used_before_and_is_whole_after(sessions: int, tmp_path: Path, state_dir: Path, site: Site) -> None:
    isolated(partial(changed, sessions))(tmp_path, state_dir, site)


async def changed(sessions: int, tmp_path: Path, state_dir: Path, site: Site) -> None:
    here, file = one_bmc(state_dir, site), state_dir / "secrets.yaml"
    async with redfish_sim(tmp_path, ADDRESS, expired=True, sessions=sessions, basic=not sessions) as sim:
        await bring_about(CredentialsStep(here), Notes())
        before = known(state_dir)
        assert (before.usable, before.serial, before.boot_mac) == (False, None, None)
        assert [one.name for one in before.findings] == ["password-change-required"]
        assert f"seedvm bmc rotate {ADDRESS}" in (before.cure or "")
        assert load_proven(file) == {ADDRESS: FACTORY}
        rotate = RotateStep(here, gap=0)
        assert isinstance(await rotate.check(), Todo)
        await bring_about(rotate, Notes())
        after, new = known(state_dir), load_proven(file)[ADDRESS]
        assert (after.usable, after.driver, after.boot_mac, after.findings) == (
            True,
            "redfish",
            "52:54:00:aa:00:01",
            (),
        )
        assert sim.password.read_text() == new.password.reveal() != "right"
        assert load_rotations(file) == {}
        assert isinstance(await CredentialsStep(here).check(), Done)
        assert sim.count("bad") == 0
        assert Ledger(state_dir).failures() == ()
        assert not await still_opens(BmcLogin(ADDRESS, Ledger(state_dir), MAKE), FACTORY, BmcProtocol.REDFISH)


@isolated
async def test_a_new_password_that_it_refuses_leaves_the_old_one_and_says_why(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    here = one_bmc(state_dir, site)
    async with redfish_sim(tmp_path, ADDRESS, expired=True, shortest=30, longest=40) as sim:
        await bring_about(CredentialsStep(here), Notes())
        with pytest.raises(Exception, match="wrong length"):
            await RotateStep(here, gap=0).apply(Notes())
        assert load_proven(state_dir / "secrets.yaml") == {ADDRESS: FACTORY}
        assert load_rotations(state_dir / "secrets.yaml") == {}
        assert not known(state_dir).usable
        assert isinstance(await CredentialsStep(here).check(), Done)  # it is told, and stops nobody
        assert sim.count("bad") == 0


@isolated
async def test_what_the_operator_changed_by_hand_is_tried_with_the_new_list(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    here, file = one_bmc(state_dir, site), state_dir / "secrets.yaml"
    async with redfish_sim(tmp_path, ADDRESS, expired=True) as sim:
        await bring_about(CredentialsStep(here), Notes())
        await RedfishBmc(ADDRESS, "admin", FACTORY.password).set_password(Secret("by-hand-77"))
        store_candidates(file, (Candidate("admin", Secret("by-hand-77")),))
        again = Context(site, ensure_generated(file), state_dir, state_dir)
        await bring_about(CredentialsStep(again), Notes())
        assert known(state_dir).usable
        assert sim.count("bad") <= 1


@isolated
async def test_where_ipmi_opens_it_the_machine_is_used_and_the_demand_is_still_a_finding(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    """The emulators keep their passwords apart, so that Redfish goes on demanding: that is told, and holds nobody up."""
    here = one_bmc(state_dir, site)
    inventory.change(state_dir, ADDRESS, protocols=("ipmi-2.0", "redfish"))
    async with ipmi_sim(tmp_path, ADDRESS), redfish_sim(tmp_path, ADDRESS, expired=True) as sim:
        await bring_about(CredentialsStep(here), Notes())
        machine = known(state_dir)
        assert (machine.usable, machine.driver) == (True, "ipmi")
        assert "password-change-required" in {one.name for one in machine.findings}
        await bring_about(RotateStep(here, gap=0), Notes())
        machine = known(state_dir)
        assert (machine.usable, machine.driver) == (True, "ipmi")
        assert load_proven(state_dir / "secrets.yaml")[ADDRESS] != FACTORY
        assert isinstance(await CredentialsStep(here).check(), Done)
        assert sim.count("bad") <= 1  # the new password, which only IPMI has


SAID = "PATCH the Password property for this account located at the target URI '/redfish/v1/AccountService/Accounts/3'."


@pytest.mark.parametrize(
    "body",
    [
        {"@Message.ExtendedInfo": [{"MessageArgs": ["/redfish/v1/AccountService/Accounts/3"], "Message": "-"}]},
        {"error": {"@Message.ExtendedInfo": [{"Message": SAID}]}},
        {"error": {"@Message.ExtendedInfo": [{"Message": SAID.replace("'", "")}]}},
    ],
)
def test_its_account_is_named_by_argument_or_in_the_text(body: dict[str, Any]) -> None:
    assert RedfishAnswer(403, body, {}).account == "/redfish/v1/AccountService/Accounts/3"


def test_an_answer_that_names_no_account_names_none() -> None:
    assert RedfishAnswer(403, {"error": {"message": "change /redfish/v1/Systems/1 first"}}, {}).account == ""


@pytest.mark.parametrize("part", ["/redfish/v1/", "/redfish/v1/a/Accounts", "/Accounts/", "/"])
def test_an_answer_made_to_be_slow_to_read_is_read_at_once(part: str) -> None:
    started = time.process_time()
    account = RedfishAnswer(403, {"error": {"message": part * (4 * 1024 * 1024 // len(part))}}, {}).account
    assert len(account) < 250
    assert time.process_time() - started < 2
