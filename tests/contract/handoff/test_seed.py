"""The seed makes itself, takes itself back after a hand-off that was cut short, and touches nothing once it has handed over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.controller import handed_over
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.plan import build_plan
from seedvm.provisioning.ownership import cloud_of
from seedvm.services.load import installed
from seedvm.steps.departed import Past
from seedvm.steps.preflight import PreflightStep
from seedvm.steps.seed import LOCAL_DATA, SeedNetworkStep, SeedServicesStep, lacks
from tests.conftest import SITE_TEXT
from tests.contract.handoff.lab import Lab, in_a_lab, in_a_lab_of
from tests.contract.handoff.stages import owned, quiesced

WORKERS = installed().units("worker")
NETWORK = Path("/etc/systemd/network/05-seedvm-eth1.network")
FIRST = ("ironic-conductor.service", "heat-engine.service", "nova-compute.service")


def services(lab: Lab) -> SeedServicesStep:
    return SeedServicesStep(lab.context, answer_seconds=60.0, look_every=0.05)


@in_a_lab
async def test_the_seed_has_the_addresses_of_its_site(lab: Lab) -> None:
    step = SeedNetworkStep(lab.context)
    assert await step.check() == Todo("172.22.1.10/24 is not configured yet")
    await step.apply(lab.told)
    assert await step.check() == Done({"eth0": "172.22.0.10/24", "eth1": "172.22.1.10/24"})
    assert "Address=172.22.1.10/24" in NETWORK.read_text() and NETWORK.stat().st_mode & 0o777 == 0o644


@in_a_lab_of(site=SITE_TEXT.replace("eth1", "eth7"))
async def test_an_interface_that_is_not_there_is_the_operators_to_correct(lab: Lab) -> None:
    verdict = await SeedNetworkStep(lab.context).check()
    assert isinstance(verdict, Blocked) and verdict.why.startswith("no interface eth7; existing interfaces: ")


@in_a_lab
async def test_killed_between_its_files_and_its_addresses_it_is_done_again(lab: Lab) -> None:
    await lab.killed("seed.SeedNetworkStep", '["networkctl", "reconfigure", name]')
    step = SeedNetworkStep(lab.context)
    assert NETWORK.exists() and isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_the_seeds_services_are_configured_until_all_of_them_answer(lab: Lab) -> None:
    lab.seed.units(*FIRST, state="inactive")
    step = services(lab)
    assert await step.check() == Todo("the seed is not configured yet")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert LOCAL_DATA.stat().st_mode & 0o777 == 0o600
    assert lab.secrets.generated.admin_password.reveal() in json.dumps(json.loads(LOCAL_DATA.read_text()))
    lab.seed.units("heat-engine.service", state="failed")
    for node in lab.nodes:
        node.units("heat-engine.service", state="failed")
    assert await step.check() == Todo("not answering yet: heat-engine")


@in_a_lab
async def test_a_configuration_that_fails_says_why_and_is_done_again(lab: Lab) -> None:
    lab.seed.units(*FIRST, state="inactive")
    lab.seed.fault("configure")
    with pytest.raises(ExceptionGroup) as failed:
        await services(lab).apply(lab.told)
    (error,) = failed.value.exceptions
    assert isinstance(error, SeedvmError) and "the database does not start" in error.why
    lab.seed.fault("configure", on=False)
    await lab.killed("seed.SeedServicesStep", 'report.log("configuring the seed')
    await services(lab).apply(lab.told)
    assert isinstance(await services(lab).check(), Done)


@in_a_lab
async def test_a_seed_that_boots_again_is_waited_for_and_configured_only_when_it_does_not_come_up(lab: Lab) -> None:
    await services(lab).apply(lab.told)
    configured = Path("/run/configured")
    configured.unlink()
    for machine in lab.machines:
        machine.units("heat-engine.service", state="inactive")
    async with asyncio.TaskGroup() as group:
        booting = group.create_task(replace(services(lab), boot_seconds=60.0).apply(lab.told))
        while "heat-engine" not in await lacks(cloud_of(lab.context)):
            await asyncio.sleep(0)
        assert not booting.done()
        lab.start("heat-engine.service")
    assert not configured.exists() and isinstance(await services(lab).check(), Done)
    lab.seed.units("heat-engine.service", state="inactive")
    await replace(services(lab), boot_seconds=0.0).apply(lab.told)
    assert configured.exists() and isinstance(await services(lab).check(), Done)


@in_a_lab
async def test_a_hand_off_that_was_cut_short_is_taken_back_writes_and_workers(lab: Lab) -> None:
    await quiesced(lab)
    process.run(["systemctl", "stop", *WORKERS], timeout=20)
    await services(lab).apply(lab.told)
    assert not lab.haproxy["seed"].held
    assert all(lab.seed.unit(unit) == "active" for unit in WORKERS)
    assert isinstance(await services(lab).check(), Done)


@in_a_lab
async def test_what_was_handed_over_is_never_configured_again(lab: Lab) -> None:
    await owned(lab)
    handed_over = Done({"handed_over": True})
    assert await services(lab).check() == handed_over
    assert await SeedNetworkStep(lab.context).check() == handed_over
    assert not LOCAL_DATA.exists() and not Path("/run/configured").exists()


@in_a_lab
async def test_a_seed_that_has_handed_over_to_an_undercloud_that_is_silent_waits_and_changes_nothing(lab: Lab) -> None:
    await owned(lab)
    process.run(["ip", "link", "set", "eth0", "down"], timeout=20)
    step = PreflightStep(lab.context, silent_seconds=3.0)
    assert await step.check() == Todo("this seed has handed over, and the undercloud does not answer")
    with pytest.raises(SeedvmError, match=r"the undercloud at 172.22.0.5 does not answer") as silent:
        await step.apply(lab.told)
    assert "nothing on this seed was changed" in silent.value.why and "disconnect" not in silent.value.hint
    assert await services(lab).check() == Done({"handed_over": True})
    with pytest.raises(SeedvmError, match="does not answer"):
        await services(lab).apply(lab.told)
    assert not LOCAL_DATA.exists() and not Path("/run/configured").exists()
    process.run(["ip", "link", "set", "eth0", "up"], timeout=20)
    await PreflightStep(lab.context).apply(lab.told)
    assert await step.check() == Done({"handed_over": True})


@in_a_lab
async def test_its_plan_asks_no_bmc_and_configures_no_service_again(lab: Lab) -> None:
    await owned(lab)
    plan = build_plan(lab.context)
    join = next(index for index, step in enumerate(plan) if step.name == "join")
    assert [step.name for step in plan[:2]] == ["seed-network", "preflight"]
    assert all(isinstance(step, Past) for step in plan[2:join]) and not any(
        isinstance(one, Past) for one in plan[join:]
    )
    assert [await step.check() for step in plan[2:join]] == [Done({"handed_over": True})] * (join - 2)
    with pytest.raises(SeedvmError, match="has handed over and changes nothing any more"):
        await plan[2].apply(lab.told)


@in_a_lab
async def test_the_mark_of_another_site_is_no_mark_of_this_one_and_goes_when_the_seed_is_made(lab: Lab) -> None:
    handed_over.mark("another", "a")
    lab.seed.units(*FIRST, state="inactive")
    await services(lab).apply(lab.told)
    assert not handed_over.PATH.exists() and isinstance(await services(lab).check(), Done)


@in_a_lab
async def test_a_mark_that_cannot_be_read_counts(lab: Lab) -> None:
    handed_over.mark(lab.site.name, "a")
    handed_over.PATH.write_text("{")
    assert handed_over.marked(lab.site.name)
    assert await services(lab).check() == Done({"handed_over": True})
