"""What happens to one machine's node in Ironic is that machine's remark: of forty, three misbehave, and thirty-seven are done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.engine.step import Blocked, Context, Todo
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import ensure_generated, store_proven
from seedvm.steps.inspect import InspectStep
from seedvm.steps.register import RegisterStep
from seedvm.steps.review import ReviewStep
from tests.contract.bmc.steps import Notes, bring_about
from tests.contract.cloud.cloud_http import DIGEST, Answer
from tests.contract.cloud.ironic_api import Metal, ironic_api
from tests.contract.isolated import isolated
from tests.contract.provisioning.test_nodes import hardware, mac

RACK = tuple(f"172.22.1.{last}" for last in range(100, 140))
BAD = RACK[3], RACK[17], RACK[31]
BROKEN: Answer = (500, {"error_message": json.dumps({"faultstring": "\x1b[2Jthe database is on fire"})})


def machines() -> dict[str, Metal]:
    return {bmc: Metal(hardware()) for bmc in RACK}


def lay_out(folder: Path, site: Site, rack: tuple[str, ...] = RACK) -> Context:
    """A state folder after the stage credentials, and images that Glance has already."""
    secrets = folder / "secrets.yaml"
    store_proven(secrets, {bmc: Candidate("admin", Secret("horse")) for bmc in rack})
    known = [KnownMachine(bmc, driver="redfish", proven_user="admin", boot_mac=mac(bmc)) for bmc in rack]
    inventory.save(folder, inventory.Inventory(("172.22.1.0/24",), tuple(known)))
    for name in ("golden.raw", "ramdisk.kernel", "ramdisk.initramfs"):
        (folder / name).touch()
    for name in ("golden.json", "ramdisk.json"):
        (folder / name).write_text(json.dumps({"sha256": DIGEST}))
    return Context(replace(site, machines=()), ensure_generated(secrets), folder, folder)


def unfit(folder: Path) -> Mapping[str, str]:
    return {one.bmc: one.unfit_reason for one in inventory.load(folder).machines if one.unfit_reason}


@isolated
async def test_registration_of_forty(state_dir: Path, site: Site) -> None:
    """Ironic fails for one, answers a list for another, and cannot manage the third."""
    here, metal = lay_out(state_dir, site), machines()
    for bmc, odd in zip(
        BAD,
        ({"POST /nodes": BROKEN}, {"POST /nodes": (201, [])}, {"PUT /states/provision": (202, ["odd"])}),
        strict=True,
    ):
        metal[bmc].odd = odd
    with ironic_api(metal) as api:
        notes, step = Notes(), RegisterStep(here)
        await bring_about(step, notes)
        managed = [one for one in api.nodes.values() if one["provision_state"] == "manageable"]
        assert len(managed) == 37
        reasons = unfit(state_dir)
        assert sorted(reasons) == sorted(BAD)
        assert all(one.startswith("its registration failed: ") for one in reasons.values())
        assert "the database is on fire" in reasons[BAD[0]]
        assert all(one.cure for one in inventory.load(state_dir).machines if one.unfit_reason)
        assert not any("\x1b" in line for line in [*notes.lines, *reasons.values()])
        again = RegisterStep(here)
        assert isinstance(await again.check(), Todo)  # the next run tries them once more
        for bmc in BAD:
            metal[bmc].odd = {}
        await bring_about(again, Notes())
        assert not unfit(state_dir)


@isolated
async def test_a_rack_of_which_nothing_can_be_registered_is_blocked_by_name(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site, RACK[:5])
    metal = {bmc: Metal(hardware(), odd={"POST /nodes": (400, "no")}) for bmc in RACK[:5]}
    with ironic_api(metal):
        step = RegisterStep(here)
        assert isinstance(await step.check(), Todo)
        await step.apply(Notes())
        verdict = await step.check()
        assert isinstance(verdict, Blocked)
        assert verdict.why.startswith(f"no machine could be registered: {RACK[0]}: ")
        assert "and 2 more" in verdict.why
        assert verdict.hint


@isolated
async def test_inspection_of_forty(state_dir: Path, site: Site) -> None:
    """One's data are a list, of one Ironic stores no verdict, and one's values are all of wrong types."""
    here, metal = lay_out(state_dir, site), machines()
    with ironic_api(metal) as api:
        await bring_about(RegisterStep(here), Notes())
        metal[BAD[0]].odd = {"GET /inventory": (200, [1, 2])}
        metal[BAD[1]].odd = {"PATCH": BROKEN}
        metal[BAD[2]].hardware = {"inventory": {"cpu": [], "memory": "much", "disks": {"a": 1}, "interfaces": [None]}}
        notes = Notes()
        await bring_about(InspectStep(here), notes)
        available = [one for one in api.nodes.values() if one["provision_state"] == "available"]
        others = {
            one["extra"]["seedvm_bmc"]: one["provision_state"] for one in api.nodes.values() if one not in available
        }
        assert sorted(others) == sorted(BAD), [*unfit(state_dir).items()][:9]
        assert [one["extra"].get("seedvm_role") for one in available].count("undercloud") == 3
        reasons = unfit(state_dir)
        assert sorted(reasons) == sorted(BAD)
        assert "list" in reasons[BAD[0]]
        assert "the database is on fire" in reasons[BAD[1]]
        assert "CPUs" in reasons[BAD[2]]
        assert not any("\x1b" in line for line in notes.lines)
        review = ReviewStep(here)
        await review.apply(Notes())
        assert isinstance(await review.check(), Blocked)  # the operator's word is waited for, and nothing else


@isolated
async def test_a_machine_whose_inspection_never_began_is_not_powered_off(state_dir: Path, site: Site) -> None:
    """Ironic takes no order for it: it was not powered on by us, and may be at work."""
    here = lay_out(state_dir, site, RACK[:4])
    metal = {bmc: Metal(hardware()) for bmc in RACK[:4]}
    with ironic_api(metal) as api:
        await bring_about(RegisterStep(here), Notes())
        api.node(RACK[0])["power_state"] = "power on"
        metal[RACK[0]].odd = {"PUT /states/provision": (409, {"error_message": "{}"})}
        await bring_about(InspectStep(here), Notes())
        assert RACK[0] not in api.orders("power off")
        assert api.node(RACK[0])["power_state"] == "power on"
        assert api.node(RACK[0])["maintenance_reason"].startswith("seedvm: inspection failed")


@isolated
async def test_too_few_are_left_and_the_reasons_are_named(state_dir: Path, site: Site) -> None:
    here = lay_out(state_dir, site, RACK[:4])
    metal = {bmc: Metal(hardware()) for bmc in RACK[:4]}
    with ironic_api(metal) as api:
        await bring_about(RegisterStep(here), Notes())
        for bmc in RACK[:2]:
            metal[bmc].odd = {"GET /inventory": (200, [])}
        step = InspectStep(here)
        assert isinstance(await step.check(), Todo)
        await step.apply(Notes())
        verdict = await step.check()
        assert isinstance(verdict, Blocked)
        assert "1 of 3 undercloud machines are missing: 2 rejected because of inspection" in verdict.why
        assert not api.orders("provide")
