"""`seedvm bmc test` and `seedvm bmc rotate` as an operator types them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.machines import inventory
from seedvm.machines.inventory import Finding, KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import ensure_generated, load_proven, store_candidates, store_proven
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.isolated import isolated

ROOT = Path(__file__).parents[3]
ONE, TWO = "172.22.1.21", "172.22.1.22"


async def seedvm(state_dir: Path, *words: str) -> process.Completed:
    command = [sys.executable, "-m", "seedvm", "--state-dir", str(state_dir), *words]
    return await process.arun(process.Command(command, env={"PYTHONPATH": str(ROOT)}), timeout=300, check=False)


def site_with_two(state_dir: Path) -> Path:
    file = state_dir / "secrets.yaml"
    store_candidates(file, (Candidate("admin", Secret("right-42")),))
    ensure_generated(file)
    store_proven(file, {address: Candidate("admin", Secret("right-42")) for address in (ONE, TWO)})
    inventory.update(
        state_dir,
        KnownMachine(
            ONE, protocols=("redfish",), driver="redfish", proven_user="admin", vendor="Dell Inc.", serial="7XK"
        ),
        KnownMachine(TWO, protocols=("ipmi-2.0",), driver="ipmi", proven_user="admin"),
    )
    return file


@isolated
async def test_passwords_are_changed_after_the_site_s_name_and_not_before(tmp_path: Path, state_dir: Path) -> None:
    file = site_with_two(state_dir)
    async with redfish_sim(tmp_path, ONE, password="right-42"), ipmi_sim(tmp_path, TWO, password="right-42"):
        asked = await seedvm(state_dir, "bmc", "rotate", "--yes", "another")
        assert asked.returncode == 2
        assert ONE in asked.stdout and "Dell Inc. 7XK" in asked.stdout and TWO in asked.stdout
        assert {one.password.reveal() for one in load_proven(file).values()} == {"right-42"}
        done = await seedvm(state_dir, "bmc", "rotate", "--yes", "demo")
        assert done.returncode == 0, done.stderr
        passwords = {one.password.reveal() for one in load_proven(file).values()}
        assert len(passwords) == 2 and "right-42" not in passwords
        assert not any(one in done.stdout + done.stderr for one in passwords)
        tested = await seedvm(state_dir, "--json", "bmc", "test")
        assert json.loads(tested.stdout) == {ONE: "opens", TWO: "opens"}
        assert tested.returncode == 0
        store_proven(file, {TWO: Candidate("admin", Secret("other"))})
        closed = await seedvm(state_dir, "bmc", "test", TWO)
        assert closed.returncode == 1 and "no longer opens" in closed.stdout


@isolated
async def test_an_address_that_was_not_proven_is_refused(state_dir: Path) -> None:
    site_with_two(state_dir)
    refused = await seedvm(state_dir, "bmc", "rotate", "172.22.1.99", "--yes", "demo")
    assert refused.returncode == 1
    assert "172.22.1.99" in refused.stderr


@isolated
async def test_a_bmc_that_demands_a_new_password_says_so_and_gets_one(tmp_path: Path, state_dir: Path) -> None:
    file = site_with_two(state_dir)
    demand = Finding("password-change-required", "the password of admin has expired", "seedvm bmc rotate")
    inventory.change(state_dir, ONE, findings=(demand,), unfit_reason=demand.detail, tried="a digest")
    async with redfish_sim(tmp_path, ONE, password="right-42", expired=True) as sim:
        tested = await seedvm(state_dir, "bmc", "test", ONE)
        assert tested.returncode == 1
        assert f"requires a new password: seedvm bmc rotate {ONE}" in tested.stdout
        done = await seedvm(state_dir, "bmc", "rotate", ONE, "--yes", "demo")
        assert done.returncode == 0, done.stderr
        assert (await seedvm(state_dir, "bmc", "test", ONE)).returncode == 0
        assert sim.count("bad") == 0
    machine = inventory.load(state_dir).machine(ONE)
    assert machine is not None
    assert (machine.usable, machine.findings) == (True, ())
    assert load_proven(file)[TWO].password.reveal() == "right-42"
