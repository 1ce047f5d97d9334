"""Registration, inspection and review against an Ironic that refuses what Ironic refuses: once, in order, and never silently."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from seedvm.base.secret import Secret
from seedvm.engine.step import Blocked, Context, Done, Todo
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site, SiteMachine
from seedvm.site.secrets_file import ensure_generated, store_proven
from seedvm.steps.inspect import InspectStep
from seedvm.steps.register import RegisterStep
from seedvm.steps.review import ReviewStep
from tests.contract.bmc.steps import Notes, bring_about
from tests.contract.cloud.cloud_http import DIGEST
from tests.contract.cloud.ironic_api import IronicApi, Metal, ironic_api
from tests.contract.isolated import isolated

BMCS = tuple(f"172.22.1.{last}" for last in (21, 22, 23, 24))


def mac(bmc: str) -> str:
    return f"52:54:00:aa:00:{int(bmc.rpartition('.')[2]):02x}"


def hardware(memory: int = 6144) -> dict[str, Any]:
    return {
        "inventory": {
            "cpu": {"count": 2, "architecture": "x86_64"},
            "memory": {"physical_mb": memory},
            "disks": [{"name": "/dev/sda", "size": 20 << 30, "serial": "R1"}],
            "interfaces": [{"name": "eth0", "mac_address": "52:54:00:aa:00:01", "has_carrier": True}],
        },
        "plugin_data": {"seedvm": {"disks": {"/dev/sda": {"blank": True}}, "links": {"eth0": 10000}}},
    }


def metal(**special: Metal) -> dict[str, Metal]:
    """A machine per BMC; `m24=Metal(...)` is the one behind 172.22.1.24."""
    return {bmc: special.get(f"m{bmc.rpartition('.')[2]}", Metal(hardware())) for bmc in BMCS}


def lay_out(folder: Path, site: Site, machines: Mapping[str, Mapping[str, Any]] | None = None) -> Context:
    """A state folder after the stage credentials, and images beside it that Glance has already."""
    secrets = folder / "secrets.yaml"
    store_proven(secrets, {bmc: Candidate("admin", Secret("horse")) for bmc in BMCS})
    more = machines or {}
    known = [
        KnownMachine(
            bmc,
            **{
                "driver": "ipmi",
                "proven_user": "admin",
                "boot_mac": mac(bmc),
                "boot_mac_source": "a test",
                **more.get(bmc, {}),
            },
        )
        for bmc in BMCS
    ]
    inventory.save(folder, inventory.Inventory(("172.22.1.21-172.22.1.26",), tuple(known)))
    for name in ("golden.raw", "ramdisk.kernel", "ramdisk.initramfs"):
        (folder / name).touch()
    for name in ("golden.json", "ramdisk.json"):
        (folder / name).write_text(json.dumps({"sha256": DIGEST}))
    return Context(site, ensure_generated(secrets), folder, folder)


async def walk(here: Context, *steps: type[RegisterStep] | type[InspectStep] | type[ReviewStep]) -> Notes:
    notes = Notes()
    for step in steps or (RegisterStep, InspectStep):
        await bring_about(step(here), notes)
    return notes


def created(api: IronicApi) -> int:
    return sum(method == "POST" and path == "/nodes" for method, path, _ in api.log)


def each(api: IronicApi) -> list[dict[str, Any]]:
    """The nodes by the address of their BMC."""
    return sorted(api.nodes.values(), key=lambda one: str(one["extra"]["seedvm_bmc"]))


@isolated
async def test_every_machine_is_registered_inspected_and_given_a_role_once(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    with ironic_api(metal()) as api:
        notes = await walk(here)
        assert (created(api), len(api.ports)) == (4, 4)
        assert [one["extra"]["seedvm_role"] for one in each(api)] == ["undercloud"] * 3 + ["spare"]
        assert api.node(BMCS[0])["properties"]["root_device"] == {"serial": "R1"}
        assert any("inspecting Ironic is preparing its boot" in line for line in notes.lines)
        assert any("/dev/sda 20 GiB (nothing), eth0 10000 Mb/s" in line for line in notes.lines)
        done = len(api.log)
        for step in (RegisterStep(here), InspectStep(here)):
            assert isinstance(await step.check(), Done)
        await RegisterStep(here).apply(Notes())
        assert len(api.log) == done  # the second run changes nothing
    assert not any("horse" in line for line in notes.lines)


@isolated
async def test_a_registration_that_was_killed_is_gone_on_with(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        gone = api.ports.pop(0)["node_uuid"]
        api.nodes[gone]["provision_state"] = "enroll"
        assert isinstance(await RegisterStep(here).check(), Todo)
        await walk(here, RegisterStep)
        assert (created(api), len(api.ports)) == (4, 4)


@isolated
async def test_too_few_machines_are_told_by_requirement(state_dir: Path, site: Site) -> None:
    """Two too small, one that does not boot: the next run of the engine inspects each once more, and says the same."""
    small = Metal(hardware(memory=1024))
    here = lay_out(state_dir, site, {BMCS[3]: {"unfit_reason": "wrong password", "proven_user": None}})
    with ironic_api(metal(m21=small, m22=small, m23=Metal(hardware(), dead=True))) as api:
        await walk(here, RegisterStep)
        for _ in range(2):
            step = InspectStep(here)
            assert isinstance(await step.check(), Todo)
            await step.apply(Notes())
            verdict = await step.check()
            assert isinstance(verdict, Blocked)
        assert verdict.why == (
            "3 of 3 undercloud machines are missing: 2 rejected because of memory; 1 rejected because of inspection; "
            "1 rejected because of login; 172.22.1.24: wrong password"
        )
        assert api.orders("inspect").count(BMCS[0]) == 2
        assert not api.orders("provide")
        assert {one["provision_state"] for one in api.nodes.values()} == {"manageable"}
        assert {one["power_state"] for one in api.nodes.values()} == {"power off"}
        said = inventory.load(state_dir).machine(BMCS[2])
        assert said is not None
        assert "timeout reached" in (said.unfit_reason or "")
        assert "last stage reached: powering on" in (said.unfit_reason or "")
        assert "cabled to the provisioning network" in (said.cure or "")


def test_forty_machines_that_never_came_into_ironic_are_counted_by_what_stopped_them(
    state_dir: Path, site: Site
) -> None:
    """Three are named, the excluded one is no failure, and one that merely waits is not counted."""
    here = lay_out(state_dir, replace(site, machines=(SiteMachine(IPv4Address("172.22.1.90"), None, "exclude"),)))
    login = [KnownMachine(f"172.22.1.{last}", unfit_reason="wrong password for admin") for last in range(30, 60)]
    dark = [
        KnownMachine(f"172.22.1.{last}", proven_user="admin", unfit_reason="its boot MAC is not known")
        for last in range(60, 67)
    ]
    gone = KnownMachine("172.22.1.70", proven_user="admin", boot_mac=mac("172.22.1.70"), silent=True)
    excluded = KnownMachine("172.22.1.90", unfit_reason="the operator excluded it")
    inventory.update(state_dir, *login, *dark, gone, excluded)
    verdict = InspectStep(here)._too_few((), 3)
    assert isinstance(verdict, Blocked)
    assert "30 rejected because of login; 7 rejected because of boot MAC; 1 rejected because of answer" in verdict.why
    assert verdict.why.count("wrong password") == 3
    assert "and 35 more, listed by: seedvm machines; 1 excluded by the site file" in verdict.why


@isolated
async def test_a_machine_that_fell_is_taken_when_it_was_mended(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    with ironic_api(metal(m22=Metal(hardware(memory=1024)))) as api:
        await walk(here, RegisterStep)
        await InspectStep(here).apply(Notes())
        assert api.node(BMCS[1])["extra"]["unfit_at"] == "memory"
        api.metal[BMCS[1]].hardware = hardware()
        await walk(here, InspectStep)
        assert api.node(BMCS[1])["extra"]["seedvm_role"] == "undercloud"
        assert "unfit" not in api.node(BMCS[1])["extra"]
        mended = inventory.load(state_dir).machine(BMCS[1])
        assert mended is not None
        assert mended.unfit_reason is None


@isolated
async def test_a_machine_that_was_excluded_later_loses_its_part_and_is_not_powered(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, replace(site, machines=()))
    with ironic_api(metal()) as api:
        await walk(here)
        assert api.node(BMCS[0])["extra"]["seedvm_role"] == "undercloud"
        api.node(BMCS[0])["power_state"] = "power on"
        said = (SiteMachine(IPv4Address(BMCS[0]), None, "exclude"),)
        later = replace(here, site=replace(site, machines=said))
        await walk(later, InspectStep)
        node = api.node(BMCS[0])
        assert (node["extra"].get("seedvm_role"), node["traits"], node["provision_state"]) == (None, [], "manageable")
        assert BMCS[0] not in api.orders("power off")
        assert [one["extra"].get("seedvm_role") for one in each(api)] == [None] + ["undercloud"] * 3


@isolated
async def test_a_machine_that_does_not_power_off_stops_nobody(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, replace(site, machines=()))
    with ironic_api(metal(m24=Metal(hardware(memory=1024), stays_on=True))) as api:
        await walk(here, RegisterStep)
        notes = Notes()
        await bring_about(InspectStep(here, power_seconds=1), notes)
        assert [one["extra"].get("seedvm_role") for one in each(api)] == ["undercloud"] * 3 + [None]
        assert api.node(BMCS[3])["maintenance_reason"].startswith("seedvm: it did not power off")
        assert any("it has been put into maintenance, check its BMC" in line for line in notes.lines)


@isolated
async def test_our_own_maintenance_is_taken_back_and_an_operators_is_not(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        for bmc, reason in ((BMCS[0], "seedvm: it did not power off"), (BMCS[1], "fan is broken")):
            api.node(bmc).update(maintenance=True, maintenance_reason=reason)
        await InspectStep(here).apply(Notes())
        assert not api.node(BMCS[0])["maintenance"]
        assert "root_device" in api.node(BMCS[0])["properties"]
        assert api.node(BMCS[1])["maintenance"]
        assert "fan is broken" in api.node(BMCS[1])["extra"]["unfit"]
        assert BMCS[1] not in api.orders("inspect")


@isolated
async def test_a_boot_mac_that_a_node_has_already_is_not_registered_again(state_dir: Path, site: Site) -> None:
    """The same machine under another address of its BMC: one of the two would be powered behind the other's back."""
    here = lay_out(state_dir, site)
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        api.metal["172.22.1.26"] = api.metal[BMCS[0]]
        moved = KnownMachine("172.22.1.26", driver="ipmi", proven_user="admin", boot_mac=mac(BMCS[0]))
        first = inventory.load(state_dir).machines[0]
        inventory.save(state_dir, inventory.Inventory((), (moved, replace(first, unfit_reason="it is silent"))))
        store_proven(state_dir / "secrets.yaml", {"172.22.1.26": Candidate("admin", Secret("horse"))})
        await RegisterStep(here).apply(Notes())
        assert created(api) == 4
        said = inventory.load(state_dir).machine("172.22.1.26")
        assert said is not None
        assert "belongs to the node" in (said.unfit_reason or "")


@isolated
async def test_a_mac_that_two_machines_claim_is_registered_for_neither(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site, {BMCS[1]: {"boot_mac": mac(BMCS[0]).upper()}})
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        assert sorted(one["extra"]["seedvm_bmc"] for one in api.nodes.values()) == list(BMCS[2:])


@isolated
async def test_the_boot_mode_is_the_bmcs_word_the_requests_or_found_by_the_second_try(
    state_dir: Path, site: Site
) -> None:
    here = lay_out(state_dir, site, {BMCS[1]: {"boot_mode": "uefi"}})
    said = Metal(hardware(), mode="uefi", said_mode="uefi")
    heard, silent = Metal(hardware(), mode="uefi"), Metal(hardware(), mode="uefi")
    with ironic_api(metal(m21=said, m22=heard, m23=silent)) as api:
        await walk(here)
        modes = [one["properties"]["capabilities"] for one in each(api)]
        assert modes == ["boot_mode:uefi"] * 3 + ["boot_mode:bios"]
        assert [api.orders("inspect").count(bmc) for bmc in BMCS] == [1, 1, 2, 1]


@isolated
async def test_an_inspection_waits_for_its_port(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        late = next(one for one in api.ports if one["address"] == mac(BMCS[0]))
        api.ports.remove(late)
        notes = Notes()
        async with asyncio.TaskGroup() as group:
            group.create_task(InspectStep(here).apply(notes))
            while not any("waiting for its port" in line for line in notes.lines):
                await asyncio.sleep(0.05)
            assert BMCS[0] not in api.orders("inspect")
            api.ports.append(late)
        assert BMCS[0] in api.orders("inspect")
        assert api.node(BMCS[0])["extra"]["seedvm_role"] == "undercloud"


@isolated
async def test_dell_by_both_marks_is_idrac_and_else_what_was_proven(state_dir: Path, site: Site) -> None:
    dell = {"driver": "redfish", "vendor": "Dell Inc.", "redfish_system": "/redfish/v1/Systems/System.Embedded.1"}
    others = {BMCS[1]: {**dell, "vendor": "Acme"}, BMCS[2]: {**dell, "redfish_system": "/redfish/v1/Systems/1"}}
    here = lay_out(state_dir, site, {BMCS[0]: dell, **others})
    with ironic_api(metal()) as api:
        await walk(here, RegisterStep)
        assert [one["driver"] for one in each(api)] == ["idrac", "redfish", "redfish", "ipmi"]
        assert "redfish_address" in api.node(BMCS[0])["driver_info"]


@isolated
async def test_the_review_names_the_disk_and_what_is_on_it(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site)
    machine = hardware()
    machine["plugin_data"]["seedvm"]["disks"]["/dev/sda"] = {"found": {"type": "ext4", "label": "payroll"}}
    with ironic_api(metal(m21=Metal(machine))):
        await walk(here)
        step = ReviewStep(here)
        assert isinstance(await step.check(), Todo)
        notes = Notes()
        await step.apply(notes)
        assert "172.22.1.21: will be wiped: /dev/sda (serial unknown), now ext4 'payroll'" in notes.lines
        assert isinstance(await step.check(), Blocked)
