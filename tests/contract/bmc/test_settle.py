"""A change of a BMC's password that was cut off is settled by what the BMC takes, and Ironic hears of the password that is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.engine.step import Context, Done, Todo
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.plan import build_plan
from seedvm.site.accounts import Candidate, Rotation
from seedvm.site.model import Site
from seedvm.site.secrets_file import (
    ensure_generated,
    load_proven,
    load_rotations,
    store_candidates,
    store_proven,
    store_rotation,
)
from seedvm.steps.register import RegisterStep
from seedvm.steps.rotate import RotateStep, SettleStep
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.steps import Notes, bring_about
from tests.contract.cloud.ironic_api import IronicApi, ironic_api
from tests.contract.isolated import isolated
from tests.contract.provisioning.test_nodes import BMCS, lay_out, metal

ONE, TWO = "172.22.1.21", "172.22.1.22"
OLD, NEW = Secret("old-pass-11"), Secret("new-pass-22")
SPOKEN: Mapping[str, Any] = {
    ONE: {"protocols": ("redfish",), "driver": "redfish"},
    TWO: {"protocols": ("ipmi-2.0",), "driver": "ipmi"},
}


def cut_off(state_dir: Path, site: Site, *addresses: str, sent: bool = True) -> Context:
    """A state folder as a process left it that died while it changed the passwords of these."""
    file = state_dir / "secrets.yaml"
    store_candidates(file, (Candidate("admin", OLD),))
    for address in addresses:
        inventory.update(state_dir, KnownMachine(address, proven_user="admin", **SPOKEN[address]))
        store_proven(file, {address: Candidate("admin", OLD)})
        store_rotation(file, address, Rotation("admin", OLD, NEW, sent))
    return Context(site, ensure_generated(file), state_dir, state_dir)


def proven(state_dir: Path) -> dict[str, Secret]:
    return {address: one.password for address, one in load_proven(state_dir / "secrets.yaml").items()}


@isolated
async def test_the_password_that_each_bmc_takes_is_the_proven_one(tmp_path: Path, state_dir: Path, site: Site) -> None:
    here = cut_off(state_dir, site, ONE, TWO)
    steps = [one.name for one in build_plan(here)]
    assert steps.index("discover") < steps.index("settle-passwords") < steps.index("credentials")
    step, notes = SettleStep(here, gap=0), Notes()
    verdict = await step.check()
    assert isinstance(verdict, Todo)
    assert ONE in verdict.why and TWO in verdict.why
    async with redfish_sim(tmp_path, ONE, password=NEW.reveal()) as sim, ipmi_sim(tmp_path, TWO, password=OLD.reveal()):
        await bring_about(step, notes)
        assert sim.count("bad") == 0
    assert proven(state_dir) == {ONE: NEW, TWO: OLD}
    assert load_rotations(state_dir / "secrets.yaml") == {}
    assert {f"{ONE}: the new password is in force", f"{TWO}: the old password is in force"} <= set(notes.lines)
    assert isinstance(await step.check(), Done)
    assert "settle-passwords" not in [one.name for one in build_plan(here)]
    assert not any(one.reveal() in line for line in notes.lines for one in (OLD, NEW))


@isolated
async def test_one_that_was_killed_before_it_told_the_bmc_costs_no_failed_login(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    here = cut_off(state_dir, site, ONE, sent=False)
    async with redfish_sim(tmp_path, ONE, password=OLD.reveal()) as sim:
        await bring_about(SettleStep(here, gap=0), Notes())
        assert sim.count("bad") == 0
    assert proven(state_dir) == {ONE: OLD}


@isolated
async def test_one_that_cannot_be_settled_keeps_both_and_does_not_hold_up_the_others(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    here = cut_off(state_dir, site, ONE, TWO)
    async with (
        redfish_sim(tmp_path, ONE, password="a-third-one") as sim,
        ipmi_sim(tmp_path, TWO, password=NEW.reveal()),
    ):
        for _ in range(2):  # the second time nothing is sent at all
            with pytest.raises(SeedvmError, match="1 interrupted") as refused:
                await SettleStep(here, gap=0).apply(Notes())
            assert ONE in refused.value.why
        assert sim.count("bad") == 1
    assert proven(state_dir)[TWO] == NEW
    assert load_rotations(state_dir / "secrets.yaml") == {ONE: Rotation("admin", OLD, NEW, sent=True)}


@isolated
async def test_one_that_is_away_is_left_for_the_day_it_is_back(state_dir: Path, site: Site) -> None:
    here = cut_off(state_dir, site, ONE)
    inventory.change(state_dir, ONE, silent=True)
    assert isinstance(await SettleStep(here, gap=0).check(), Done)
    assert ONE in load_rotations(state_dir / "secrets.yaml")


async def registered(here: Context, state_dir: Path, api: IronicApi) -> None:
    """Four machines are nodes; the first speaks Redfish, the second IPMI."""
    await RegisterStep(here).apply(Notes())
    for address, spoken in SPOKEN.items():
        inventory.change(state_dir, address, protocols=spoken["protocols"])


@isolated
async def test_ironic_is_told_by_whoever_changes_or_settles_a_password(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    file = state_dir / "secrets.yaml"
    here = lay_out(
        state_dir, replace(site, machines=()), {ONE: {"driver": "redfish", "redfish_system": "/redfish/v1/S/1"}}
    )
    with ironic_api(metal()) as api:
        await registered(here, state_dir, api)
        async with redfish_sim(tmp_path, ONE, password="horse", shortest=4), ipmi_sim(tmp_path, TWO, password="horse"):
            await RotateStep(here, only=(ONE, TWO), again=True, gap=0).apply(Notes())
            now = {address: one.reveal() for address, one in proven(state_dir).items()}
            assert api.node(ONE)["driver_info"]["redfish_password"] == now[ONE] != "horse"
            assert api.node(TWO)["driver_info"]["ipmi_password"] == now[TWO] != "horse"
            assert {one["driver_info"]["ipmi_password"] for one in map(api.node, BMCS[2:])} == {"horse"}
            assert len({now[ONE], now[TWO], "horse"}) == 3
            # killed between the BMC's yes and Ironic's: the next run tells it
            api.node(TWO)["driver_info"]["ipmi_password"] = "horse"
            store_rotation(file, TWO, Rotation("admin", Secret("horse"), Secret(now[TWO]), sent=True))
            await bring_about(SettleStep(here, gap=0), Notes())
            assert api.node(TWO)["driver_info"]["ipmi_password"] == now[TWO]
            # a node of IPMI whose machine was proven over Redfish later is told as one of IPMI
            api.node(ONE).update(driver="ipmi", driver_info={"ipmi_password": "horse"})
            store_rotation(file, ONE, Rotation("admin", Secret("horse"), Secret(now[ONE]), sent=True))
            await bring_about(SettleStep(here, gap=0), Notes())
            assert api.node(ONE)["driver_info"] == {"ipmi_username": "admin", "ipmi_password": now[ONE]}


@isolated
async def test_while_ironic_does_not_answer_the_change_stays_open(tmp_path: Path, state_dir: Path, site: Site) -> None:
    """Else Ironic would knock with the old password for ever, and lock the account."""
    here = lay_out(state_dir, replace(site, machines=()))
    with ironic_api(metal()) as api:
        await registered(here, state_dir, api)
    async with ipmi_sim(tmp_path, TWO, password="horse"):
        with pytest.raises(SeedvmError, match="1 of 1"):
            await RotateStep(here, only=(TWO,), again=True, gap=0).apply(Notes())
        rotation = load_rotations(state_dir / "secrets.yaml")[TWO]
        assert rotation.sent
        with ironic_api(metal()) as again:
            again.nodes = api.nodes
            await bring_about(SettleStep(here, gap=0), Notes())
            assert api.node(TWO)["driver_info"]["ipmi_password"] == rotation.new.reveal()
        assert proven(state_dir)[TWO] == rotation.new
