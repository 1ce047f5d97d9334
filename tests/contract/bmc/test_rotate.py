"""A BMC's password is changed so that nothing can lose it: proven by fresh logins, taken back on failure, safe from any crash."""

from __future__ import annotations

import itertools
import stat
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.account import BmcAccess
from seedvm.bmc.bmc_login import BmcProtocol
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.quirks import ANY_RULE, PASSWORD_RULES, PasswordRule, password_rule
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.rotate import RolledBack, Store, new_password, rotate, settle
from seedvm.engine.step import Context, Done, Todo
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import ensure_generated, load_proven, load_rotations, store_candidates, store_proven
from seedvm.steps.rotate import RotateStep
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.steps import Notes
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"
OLD = Secret("right")
ROOT = Path(__file__).parents[3]


def access(folder: Path, ipmi: BmcProtocol | None, *, redfish: bool = False) -> BmcAccess:
    make = partial(RedfishBmc, ADDRESS) if redfish else None
    return BmcAccess(ADDRESS, "admin", Ledger(folder), RateLimit(folder, 0), ipmi, make)


def stored(folder: Path) -> Secret:
    file = folder / "secrets.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return load_proven(file)[ADDRESS].password


async def change(folder: Path, one: BmcAccess, rule: PasswordRule = ANY_RULE) -> list[Candidate]:
    """Change the password; who else was told of it."""
    told: list[Candidate] = []
    file = folder / "secrets.yaml"

    async def tell(account: Candidate) -> None:
        assert load_rotations(file), "it is told before the change is over"
        told.append(account)

    if not file.exists():
        store_proven(file, {ADDRESS: Candidate("admin", OLD)})
    await rotate(one, stored(folder), rule, Store(file, ADDRESS), tell)
    return told


@pytest.mark.parametrize("rule", [ANY_RULE, *PASSWORD_RULES], ids=lambda rule: rule.vendor)
def test_a_password_keeps_the_rule_of_its_vendor_and_is_no_other_s(rule: PasswordRule) -> None:
    made = {new_password(rule, 20).reveal() for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert rule.least <= len(text) == min(rule.most, 20)
        assert all(any(one in text for one in part) for part in rule.classes)
        assert set(text) <= set("".join(rule.classes))
        assert all(a != b for a, b in itertools.pairwise(text))


@isolated
async def test_over_ipmi_the_new_password_opens_and_the_old_one_no_longer(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        one = access(tmp_path, BmcProtocol.IPMI_20)
        told = await change(tmp_path, one, password_rule("Dell Inc."))
        new = stored(tmp_path)
        assert len(new.reveal()) == 16
        assert told == [Candidate("admin", new)]
        assert await one.opens(new)
        assert not await one.opens(OLD)
        assert load_rotations(tmp_path / "secrets.yaml") == {}
        assert one.ledger.failures() == ()


@isolated
async def test_over_ipmi_1_5_it_has_sixteen_characters_at_most(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, auths="md5"):
        one = access(tmp_path, BmcProtocol.IPMI_15)
        await change(tmp_path, one, password_rule("Dell Inc."))
        assert len(stored(tmp_path).reveal()) == 16
        assert await one.opens(stored(tmp_path))


@isolated
async def test_over_redfish_it_is_as_long_as_the_service_takes_and_no_login_fails(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, longest=12) as sim:
        one = access(tmp_path, None, redfish=True)
        await change(tmp_path, one)
        assert len(stored(tmp_path).reveal()) == 12
        assert sim.password.read_text() == stored(tmp_path).reveal()
        assert sim.count("bad") == 0


@isolated
async def test_a_password_that_the_bmc_refuses_changes_nothing(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, shortest=30, longest=40):
        one = access(tmp_path, None, redfish=True)
        with pytest.raises(RolledBack, match="the password was not changed"):
            await change(tmp_path, one)
        assert stored(tmp_path) == OLD
        assert load_rotations(tmp_path / "secrets.yaml") == {}
        assert await one.opens(OLD)


@isolated
async def test_a_bmc_whose_protocols_keep_passwords_apart_gets_the_old_one_back(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS), redfish_sim(tmp_path, ADDRESS, shortest=4) as sim:
        one = access(tmp_path, BmcProtocol.IPMI_20, redfish=True)
        with pytest.raises(RolledBack, match="not changed"):
            await change(tmp_path, one)
        assert stored(tmp_path) == OLD
        assert sim.password.read_text() == OLD.reveal()
        assert await one.opens(OLD)
        assert sim.count("bad") == 0


@isolated
async def test_firmware_that_cuts_the_password_short_gets_the_old_one_back_and_the_window_is_kept(
    tmp_path: Path,
) -> None:
    async with redfish_sim(tmp_path, ADDRESS, stored=10, shortest=4) as sim:
        one = access(tmp_path, None, redfish=True)
        with pytest.raises(SeedvmError, match="is not verified yet"):
            await change(tmp_path, one)
        assert sim.password.read_text() == OLD.reveal()
        assert sim.count("bad") == 1
        rotation = load_rotations(tmp_path / "secrets.yaml")[ADDRESS]
        assert rotation.old == OLD
        (tmp_path / "bmc-ledger.json").unlink()  # the window is over

        async def nobody(account: Candidate) -> None:
            pytest.fail("the old one is in force")

        assert not await settle(one, rotation, Store(tmp_path / "secrets.yaml", ADDRESS), nobody)
        assert stored(tmp_path) == OLD
        assert sim.count("bad") == 1


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["ipmi", "redfish", "redfish that demands it"])
def test_no_death_at_any_line_loses_the_password(tmp_path: Path, protocol: str) -> None:
    @partial(isolated, seconds=600)
    async def run() -> None:
        demands = protocol.endswith("demands it")
        redfish: Any = redfish_sim(tmp_path, ADDRESS, sessions=0, expired=demands)
        async with ipmi_sim(tmp_path, ADDRESS) if protocol == "ipmi" else redfish:
            script = str(ROOT / "tests/contract/bmc/rotate_killed.py")
            command = [sys.executable, script, ADDRESS, str(tmp_path), protocol.split()[0], "right"]
            said = await process.arun(process.Command(command, env={"PYTHONPATH": str(ROOT)}), timeout=590)
            deaths = int(said.stdout.split()[0])
            assert deaths > 60, said.stdout

    run()


@isolated
async def test_every_machine_gets_its_own_and_a_failure_is_named(tmp_path: Path, state_dir: Path, site: Site) -> None:
    file = state_dir / "secrets.yaml"
    store_candidates(file, (Candidate("admin", OLD),))
    step = RotateStep(Context(site, ensure_generated(file), state_dir, state_dir), gap=0)
    assert isinstance(await step.check(), Todo)
    two, third = "172.22.1.22", "172.22.1.23"
    protocols = {ADDRESS: ("redfish",), two: ("ipmi-1.5", "ipmi-2.0"), third: ("ipmi-2.0",)}
    for address, spoken in protocols.items():
        driver = "redfish" if "redfish" in spoken else "ipmi"
        inventory.update(state_dir, KnownMachine(address, protocols=spoken, driver=driver, proven_user="admin"))
        store_proven(file, {address: Candidate("admin", OLD)})
    async with redfish_sim(tmp_path, ADDRESS, shortest=4), ipmi_sim(tmp_path, two):
        with pytest.raises(SeedvmError, match="1 of 3") as refused:
            await step.apply(Notes())
        assert third in refused.value.why
        verdict = await step.check()
        assert isinstance(verdict, Todo)
        assert third in verdict.why and two not in verdict.why
        async with ipmi_sim(tmp_path, third):
            notes = Notes()
            await step.apply(notes)
            assert isinstance(await step.check(), Done)
    passwords = {one.password.reveal() for one in load_proven(file).values()}
    assert len(passwords) == 3
    assert not any(text in line for line in notes.lines for text in passwords)
