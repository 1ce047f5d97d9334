"""COMMIT: the VIP moves to a node, and from there it only goes forward."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.engine.step import Done, Todo
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, quiesced

METADATA = Path("/var/lib/os-collect-config/local-data/seedvm.json")


@in_a_lab
async def test_the_vip_is_a_nodes_and_a_write_has_passed(lab: Lab) -> None:
    METADATA.parent.mkdir(parents=True)
    METADATA.write_text("{}")
    await quiesced(lab)
    step = Commit(lab.members)
    assert await step.check() == Todo("the seed still holds the VIP")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and verdict.evidence["vip"] == "demo-undercloud-0"
    assert lab.holder() == ["demo-undercloud-0"]
    assert lab.cloud.credentials == {}, "the canary was taken out through the VIP: a write passed"
    assert not METADATA.exists(), "a seed that is started again has nothing to configure itself by"
    assert not (lab.seed.run / "enabled/keepalived.service").exists()
    assert lab.record.committed is not None and lab.record.committed.write_pause is not None
    assert all(lab.lines(node)[-2:] == ["COMMIT started", "COMMIT done"] for node in lab.nodes)
    assert lab.told.phases[-1] == "COMMIT done"


@in_a_lab
async def test_once_it_is_done_the_phases_before_it_are_done_as_well(lab: Lab) -> None:
    await committed(lab)
    assert await Quiesce(lab.members).check() == Done({"committed": True})
    (lab.state_dir / "handoff.json").unlink()  # a state folder that was lost: the nodes' own records say it
    assert await lab.members.committed()


@in_a_lab
async def test_a_seed_that_reaches_for_the_vip_again_is_stopped_again(lab: Lab) -> None:
    await committed(lab)
    lab.start("keepalived.service")
    assert lab.holder() == ["seed"]
    step = Commit(lab.members)
    assert await step.check() == Todo("keepalived is running on the seed and may take the VIP back")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_metadata_that_came_back_is_taken_away_again(lab: Lab) -> None:
    await committed(lab)
    METADATA.parent.mkdir(parents=True)
    METADATA.write_text("{}")
    step = Commit(lab.members)
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and not METADATA.exists()


@in_a_lab
async def test_a_node_that_is_lost_before_it_moves_nothing(lab: Lab) -> None:
    await quiesced(lab)
    lab.down.add("demo-undercloud-2")
    with pytest.raises(ExceptionGroup):
        await Commit(lab.members).apply(lab.told)
    assert lab.holder() == ["seed"] and lab.record.committed is None


@in_a_lab
async def test_killed_before_the_vip_moves_it_is_not_committed_and_is_done_at_the_next_run(lab: Lab) -> None:
    await quiesced(lab)
    await lab.killed("handoff_commit.Commit", "await units.stop(installed().units(")
    assert lab.lines(lab.nodes[0])[-1] == "COMMIT started" and lab.holder() == ["seed"]
    step = Commit(lab.members)
    assert await step.check() == Todo("the seed still holds the VIP")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_killed_once_the_vip_has_moved_it_only_goes_forward(lab: Lab) -> None:
    await quiesced(lab)
    await lab.killed("handoff_commit.Commit", 'note("COMMIT", "done"')
    assert lab.holder() == ["demo-undercloud-0"] and lab.record.committed is None
    assert await lab.members.committed()
    assert await Quiesce(lab.members).check() == Done({"committed": True}), "nothing of before is done again"
    step = Commit(lab.members)
    assert await step.check() == Todo("no write through the VIP has been verified yet")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_killed_before_a_write_was_seen_the_next_run_sees_one(lab: Lab) -> None:
    await quiesced(lab)
    await lab.killed("handoff_commit.Commit", "known, now = self.members.record(), time.time()")
    step = Commit(lab.members)
    assert await step.check() == Todo("no write through the VIP has been verified yet")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and verdict.evidence["write_pause_seconds"]
