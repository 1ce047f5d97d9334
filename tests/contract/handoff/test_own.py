"""OWN and RETIRE: the undercloud updates itself without the seed, nothing is replaced or rebooted, the seed serves nothing more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.services.load import installed
from seedvm.steps.handoff_own import Own, Retire
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, quiesced

SERVICES, WORKERS, DATABASE = (installed().units(role) for role in ("server", "worker", "database"))
KEPT = {"site.yaml", "sealed.age", "clouds.yaml", "handoff.json"}


@in_a_lab
async def test_the_stack_no_longer_names_the_seed_and_the_nodes_keep_what_they_need(lab: Lab) -> None:
    step = Own(lab.members)
    assert await step.check() == Todo("the seed still holds the VIP")
    await committed(lab)
    assert await step.check() == Todo("stack undercloud is CREATE_COMPLETE and still includes the seed")
    await step.apply(lab.told)
    assert await step.check() == Done({"stack": "UPDATE_COMPLETE", "ids_changed": 0, "node_reboots": 0, "doubts": []})
    assert [body["parameters"] for body in lab.cloud.updates] == [{"seed_is_member": False}]
    for node in lab.nodes:
        folder = node.lib / "seedvm"
        assert {path.name for path in folder.iterdir()} >= KEPT
        assert all((folder / name).stat().st_mode & 0o777 == 0o600 for name in KEPT)
        assert lab.lines(node)[-1] == "OWN done"
    owned = lab.record.owned
    assert owned is not None and {gap.api for gap in owned.gaps} == {"keystone", "heat"}
    assert all((gap.failed, gap.longest_seconds) == (4, 1.0) for gap in owned.gaps)
    assert lab.told.facts["handoff_longest_gap_seconds"] == 1.0


@in_a_lab
async def test_a_file_that_one_node_lacks_and_figures_that_are_not_there_are_to_be_done_again(lab: Lab) -> None:
    await committed(lab)
    step = Own(lab.members)
    await step.apply(lab.told)
    (lab.nodes[1].lib / "seedvm/sealed.age").unlink()
    assert await step.check() == Todo("not on every node yet: sealed.age")
    await step.apply(lab.told)
    lab.members.save(replace(lab.record, owned=None))
    assert await step.check() == Todo("ids, reboots and API gaps have not been measured yet")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert len(lab.cloud.updates) == 1, "a stack that omits the seed is not updated again"


@in_a_lab
async def test_what_users_make_after_commit_is_no_loss_and_what_was_replaced_is_a_doubt(lab: Lab) -> None:
    await committed(lab)
    lab.put_image("00000000-0000-4000-8000-00000000000b", "golden", b"late, with a name that is taken")
    lab.cloud.servers["late"] = {**lab.cloud.servers["server-1"], "id": "late", "name": "late"}
    step = Own(lab.members)
    await step.apply(lab.told)
    assert lab.told.facts["ids_changed"] == 0 and isinstance(await step.check(), Done)
    lab.members.save(replace(lab.record, owned=None))
    lab.cloud.servers["server-2"]["id"] = "replaced"
    await step.apply(lab.told)
    assert lab.record.owned is not None
    (doubt,) = lab.record.owned.doubts
    assert doubt.name == "ids-changed" and "servers demo-undercloud-1" in doubt.what
    assert isinstance(await step.check(), Done), "the receipt asks the operator; nothing after COMMIT is a dead end"


@in_a_lab
async def test_a_node_that_was_booted_since_is_a_doubt(lab: Lab) -> None:
    await committed(lab)
    lab.boot(lab.nodes[1])
    await Own(lab.members).apply(lab.told)
    assert lab.told.facts["node_reboots"] == 1 and lab.told.facts["doubts"] == ["reboot-demo-undercloud-1"]
    assert lab.record.owned is not None and lab.record.owned.node_reboots == 1


@in_a_lab
async def test_an_update_that_fails_is_told_and_tried_again_by_the_next_run(lab: Lab) -> None:
    await committed(lab)
    lab.cloud.fails_update = True
    with pytest.raises(SeedvmError, match="the update of stack undercloud failed") as failed:
        await Own(lab.members).apply(lab.told)
    assert failed.value.why == "node 1: no signal"
    assert await Own(lab.members).check() == Todo("stack undercloud is UPDATE_FAILED and no longer includes the seed")
    lab.cloud.fails_update = False
    await Own(lab.members).apply(lab.told)
    assert isinstance(await Own(lab.members).check(), Done) and len(lab.cloud.updates) == 2


@in_a_lab
async def test_an_update_of_somebody_else_is_waited_for(lab: Lab) -> None:
    await committed(lab)
    lab.cloud.stack["stack_status"] = "UPDATE_IN_PROGRESS"
    await Own(lab.members).apply(lab.told)
    assert isinstance(await Own(lab.members).check(), Done)


@in_a_lab
async def test_killed_before_heat_is_asked_and_after_it_was_it_ends_owned(lab: Lab) -> None:
    await committed(lab)
    step = Own(lab.members)
    await lab.killed("handoff_own.Own", "await wait_for(begun")
    assert lab.cloud.updates == [] and isinstance(await step.check(), Todo)
    await lab.killed("handoff_own.Own", "owned = await measure(self.members, api")
    assert len(lab.cloud.updates) == 1
    assert await step.check() == Todo("ids, reboots and API gaps have not been measured yet")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert len(lab.cloud.updates) == 1
    assert list(lab.record.began) == ["QUIESCE", "COMMIT", "OWN"]


@in_a_lab
async def test_the_seeds_services_end_and_its_database_stays_a_member(lab: Lab) -> None:
    step = Retire(lab.members)
    await quiesced(lab)
    assert await step.check() == Todo("the seed still holds the VIP")
    await committed(lab)
    assert await step.check() == Todo(f"still running on the seed: {', '.join(SERVICES)}")
    await lab.killed("handoff_own.Retire", "the seed's services are stopped")
    assert await step.check() == Done({"stopped": len(SERVICES)})
    lab.start("keystone.service")
    assert await step.check() == Todo("still running on the seed: keystone.service")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    enabled = {path.name for path in Path("/run/enabled").iterdir()}
    assert not enabled & {*SERVICES, *WORKERS} and lab.seed.unit(DATABASE[0]) == "active"
