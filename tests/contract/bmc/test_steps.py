"""The stages discover and credentials on a small rack: found, proven, boot MAC learned; the second run changes nothing."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.bmc.boot_mac import Alone
from seedvm.bmc.ledger import Ledger
from seedvm.engine.step import Blocked, Done, Step, Todo
from seedvm.machines import inventory
from seedvm.scan.sniff import foreign_dhcp_servers
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site, SiteMachine
from seedvm.site.secrets_file import store_proven
from seedvm.steps.boot_mac import BootMacStep
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.discover import DiscoverStep
from seedvm.steps.rotate import RotateStep
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.steps import MAC, PASSWORD, Notes, bring_about, context, firmware, wire
from tests.contract.isolated import child, isolated, until


@isolated
async def test_a_rack_is_found_proven_and_its_boot_macs_learned(tmp_path: Path, state_dir: Path, site: Site) -> None:
    wire()
    here = context(state_dir, site, {"admin": PASSWORD})
    steps: tuple[Step, ...] = (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=Alone(seconds=120)))
    notes = Notes()
    async with (
        redfish_sim(tmp_path, "172.22.1.21", password=PASSWORD) as m1,
        ipmi_sim(tmp_path, "172.22.1.22", password=PASSWORD, on_power=firmware()) as m2,
        ipmi_sim(tmp_path, "172.22.1.25", password="unknown", guid=uuid.uuid4().hex) as m5,
    ):
        for step in steps:
            await bring_about(step, notes)
        known = {one.bmc: one for one in inventory.load(state_dir).machines}
        assert (known[m1.address].driver, known[m1.address].boot_mac) == ("redfish", "52:54:00:aa:00:01")
        assert (known[m2.address].driver, known[m2.address].boot_mac) == ("ipmi", MAC)
        assert not known[m2.address].powered_by_us
        assert m2.power.read_text().strip() == "0"
        assert "wrong password" in (known[m5.address].unfit_reason or "")
        assert known[m5.address].cure
        logins = m1.count("good")
        for step in steps:
            assert isinstance(await step.check(), Done)
        assert m1.count("bad") == 0
        assert m1.count("good") == logins + 1
    stored = [path for path in state_dir.rglob("*") if path.is_file() and path.name != "secrets.yaml"]
    assert stored
    assert not any(PASSWORD in path.read_text() for path in stored)
    assert not any(PASSWORD in line for line in notes.lines)


@isolated
async def test_a_changed_password_is_noticed_and_proven_again(tmp_path: Path, state_dir: Path, site: Site) -> None:
    here = context(state_dir, site, {"admin": "right", "root": "newer"})
    async with ipmi_sim(tmp_path / "old", "172.22.1.22"):
        for step in (DiscoverStep(here), CredentialsStep(here)):
            await bring_about(step, Notes())
    async with ipmi_sim(tmp_path / "new", "172.22.1.22", password="newer"):
        step = CredentialsStep(here)
        verdict = await step.check()
        assert isinstance(verdict, Todo)
        assert "no longer accepted" in verdict.why
        await bring_about(step, Notes())


@isolated
async def test_a_password_that_we_made_opens_a_bmc_whose_inventory_was_lost(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    here = context(state_dir, site, {"admin": "given"})
    store_proven(state_dir / "secrets.yaml", {"172.22.1.22": Candidate("admin", Secret("made"))})
    async with ipmi_sim(tmp_path, "172.22.1.22", password="made"):
        for step in (DiscoverStep(here), CredentialsStep(here)):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine("172.22.1.22")
        assert machine is not None and machine.proven_user == "admin"


@isolated
async def test_a_machine_that_runs_is_not_switched_for_its_mac(tmp_path: Path, state_dir: Path, site: Site) -> None:
    wire()
    here = context(state_dir, site, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22") as sim:
        sim.power.write_text("1")
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=Alone(seconds=5))):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert "running" in (machine.unfit_reason or "")
        assert sim.power.read_text().strip() == "1"


@isolated
async def test_a_machine_that_a_killed_run_left_on_is_switched_off_and_learned(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    wire()
    here = context(state_dir, site, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22", on_power=firmware()) as sim:
        for step in (DiscoverStep(here), CredentialsStep(here)):
            await bring_about(step, Notes())
        inventory.change(state_dir, sim.address, powered_by_us=True, powered_at=time.time())
        sim.power.write_text("1")
        await bring_about(BootMacStep(here, alone=Alone(seconds=120)), Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert (machine.boot_mac, machine.powered_by_us) == (MAC, False)
        assert sim.power.read_text().strip() == "0"


@isolated
async def test_a_machine_whose_request_never_comes_is_off_again_and_says_so(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    wire()
    here = context(state_dir, site, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22", on_power=firmware(guid=uuid.uuid4().hex)) as sim:
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=Alone(seconds=2))):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert "no DHCP request with its UUID" in (machine.unfit_reason or "")
        assert machine.boot_mac is None
        assert sim.power.read_text().strip() == "0"


@isolated
async def test_a_password_that_somebody_changed_meanwhile_is_one_failed_login_and_counted(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    """After the credentials were proven, and before the machine is powered on for its MAC."""
    wire()
    here, bmc = context(state_dir, site, {"admin": "right"}), "172.22.1.21"
    async with redfish_sim(tmp_path, bmc, mac="00:00:00:00:00:00") as sim:
        for step in (DiscoverStep(here), CredentialsStep(here)):
            await bring_about(step, Notes())
        store_proven(state_dir / "secrets.yaml", {bmc: Candidate("admin", Secret("before"))})
        for _ in range(2):
            inventory.change(state_dir, bmc, unfit_reason=None, cure=None)
            await BootMacStep(here, alone=Alone(seconds=2)).apply(Notes())
            machine = inventory.load(state_dir).machine(bmc)
            assert machine is not None
            assert machine.unfit_reason is not None
        assert sim.count("bad") == len(Ledger(state_dir).failures()) == 1


@isolated
async def test_a_mac_that_the_operator_wrote_is_taken_without_power(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    typed = replace(site, machines=(SiteMachine(IPv4Address("172.22.1.22"), MAC, None),))
    before, after = context(state_dir, site, {"admin": "right"}), context(state_dir, typed, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22") as sim:
        sim.power.write_text("1")
        for step in (
            DiscoverStep(before),
            CredentialsStep(before),
            BootMacStep(before, alone=Alone(seconds=5)),
            BootMacStep(after),
        ):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert (machine.boot_mac, machine.unfit_reason) == (MAC, None)
        assert sim.power.read_text().strip() == "1"


async def test_a_machine_that_is_no_longer_in_the_ranges_gets_no_password(state_dir: Path, site: Site) -> None:
    here = context(state_dir, site, {"admin": PASSWORD})
    for bmc in ("172.22.1.99", "fe80::77%eth9"):
        inventory.update(
            state_dir, replace(inventory.KnownMachine(bmc, ("redfish",)), driver="redfish", proven_user="admin")
        )
        store_proven(state_dir / "secrets.yaml", {bmc: Candidate("admin", Secret(PASSWORD))})
    assert isinstance(await CredentialsStep(here).check(), Todo)
    await CredentialsStep(here).apply(Notes())
    assert not (state_dir / "bmc-ledger.json").exists()
    assert RotateStep(here, again=True).machines() == []


@isolated
async def test_no_password_given_stops_with_the_cure(state_dir: Path, site: Site) -> None:
    verdict = await CredentialsStep(context(state_dir, site, {})).check()
    assert isinstance(verdict, Blocked)
    assert "bmc_candidates" in verdict.hint


@isolated
async def test_a_foreign_dhcp_server_is_named_and_silence_is_none(tmp_path: Path) -> None:
    wire()
    assert await foreign_dhcp_servers("eth0", "52:54:00:aa:00:99", timeout=1.0) == []
    process.run(["ip", "address", "add", "10.9.9.1/24", "dev", "far0"], timeout=60)
    log = tmp_path / "dnsmasq.log"
    command = [
        "dnsmasq",
        "-d",
        "-C",
        "/dev/null",
        "-p",
        "0",
        "-i",
        "far0",
        "--bind-interfaces",
        "-F",
        "10.9.9.50,10.9.9.60",
    ]
    with child([*command, "-l", str(tmp_path / "leases"), "--no-ping", "--log-facility", str(log)]):
        await until(lambda: log.exists() and "DHCP, sockets bound" in log.read_text())
        servers = await foreign_dhcp_servers("eth0", "52:54:00:aa:00:99", timeout=4.0)
    assert [one.address for one in servers] == ["10.9.9.1"]
