"""COMMIT: the VIP moves to a node, and from there it only goes forward."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.controller import handed_over
from seedvm.engine.step import Done, Todo
from seedvm.handoff import hold, vip_back
from seedvm.services.load import installed
from seedvm.services.model import ROLES
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, fenced, quiesced

WORKERS = installed().units("worker")
GIVEN = [unit for role in ROLES[:3] for unit in installed().units(role)]
METADATA = Path("/var/lib/os-collect-config/local-data/seedvm.json")


def assert_as_before(lab: Lab) -> None:
    """The seed has the VIP, lets writes pass, and its workers run; nothing would end that."""
    assert lab.holder() == ["seed"] and not lab.haproxy["seed"].held
    assert all(lab.seed.unit(unit) == "active" for unit in WORKERS)
    assert not any(lab.seed.timer(name) for name in hold.TIMERS) and not handed_over.PATH.exists()


@in_a_lab
async def test_the_vip_is_a_nodes_and_a_write_has_passed(lab: Lab) -> None:
    METADATA.parent.mkdir(parents=True)
    METADATA.write_text("{}")
    await fenced(lab)
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
    assert [one.weight for one in lab.galera.values()] == [0, 1, 1, 1], (
        "the seed's end takes no majority from the nodes"
    )


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
    assert lab.holder() == ["demo-undercloud-0"], "it takes the VIP from nobody, but would be there to take it"
    step = Commit(lab.members)
    assert await step.check() == Todo("keepalived is running on the seed and may take the VIP back")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_votes_that_the_seed_has_again_are_given_up_again(lab: Lab) -> None:
    await committed(lab)
    lab.galera["seed"].weight = 2  # a database that was started by hand
    step = Commit(lab.members)
    assert await step.check() == Todo("the seed still has votes in the database cluster")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.galera["seed"].weight == 0


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
async def test_a_majority_of_the_nodes_is_enough_for_it(lab: Lab) -> None:
    await fenced(lab)
    lab.down.add("demo-undercloud-2")
    await Commit(lab.members).apply(lab.told)
    assert isinstance(await Commit(lab.members).check(), Done) and lab.holder() == ["demo-undercloud-0"]
    assert lab.lines(lab.nodes[1])[-1] == "COMMIT done" and lab.lines(lab.nodes[2])[-1] == "QUIESCE started"


@in_a_lab
async def test_with_fewer_it_leads_back_and_the_seed_serves_and_works_again(lab: Lab) -> None:
    await fenced(lab)
    lab.down |= {"demo-undercloud-1", "demo-undercloud-2"}
    with pytest.raises(SeedvmError, match="only 1 of 3 nodes answer"):
        await Commit(lab.members).apply(lab.told)
    assert_as_before(lab)
    assert lab.told.phases[-1] == "COMMIT undone" and lab.record.committed is None


@in_a_lab
async def test_writes_that_pass_again_keep_the_vip_where_it_is(lab: Lab) -> None:
    await fenced(lab)
    lab.seed.fire(next(name for name in hold.TIMERS if lab.seed.timer(name)))
    with pytest.raises(SeedvmError, match="accepts changes again"):
        await Commit(lab.members).apply(lab.told)
    assert_as_before(lab)
    assert isinstance(await Quiesce(lab.members).check(), Todo)


@in_a_lab
async def test_a_record_without_what_a_receipt_needs_leads_back(lab: Lab) -> None:
    for phase, lost in (("QUIESCE", "quiesced"), ("QUIESCE", "watch"), ("COMPARE", "canary")):
        await fenced(lab)
        lab.members.save(replace(lab.record, **{lost: None}))
        with pytest.raises(SeedvmError, match="record is incomplete") as refused:
            await Commit(lab.members).apply(lab.told)
        assert f"has no result of {phase};" in refused.value.why
        assert_as_before(lab)


@in_a_lab
async def test_a_line_of_an_attempt_that_was_undone_commits_nothing(lab: Lab) -> None:
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "handed_over.mark(site, known.attempt)")
    assert lab.lines(lab.nodes[0])[-1] == "COMMIT started"
    process.run(["systemctl", "stop", "keepalived.service"], timeout=20)
    assert lab.holder() == ["demo-undercloud-0"]
    assert not await lab.members.committed(), "this seed knows its attempt, and it is not marked"
    lab.start("keepalived.service")
    await hold.take_back(lab.members, "COMMIT")
    (lab.state_dir / "handoff.json").unlink()
    process.run(["systemctl", "stop", "keepalived.service"], timeout=20)
    assert not await lab.members.committed(), "the nodes' own records say that it was undone"


@in_a_lab
async def test_killed_before_its_mark_it_is_not_committed_and_is_done_at_the_next_run(lab: Lab) -> None:
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "handed_over.mark(site, known.attempt)")
    assert lab.lines(lab.nodes[0])[-1] == "COMMIT started" and lab.holder() == ["seed"]
    step = Commit(lab.members)
    assert await step.check() == Todo("the seed still holds the VIP")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_killed_before_its_mark_and_not_run_again_the_seed_serves_and_works_by_itself(lab: Lab) -> None:
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "handed_over.mark(site, known.attempt)")
    lab.seed.fire(next(name for name in hold.TIMERS if lab.seed.timer(name)))
    assert_as_before(lab)


@in_a_lab
async def test_killed_or_without_power_behind_its_mark_the_seed_is_never_a_controller_again(lab: Lab) -> None:
    METADATA.parent.mkdir(parents=True)
    METADATA.write_text("{}")
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "LOCAL_DATA.unlink")
    assert lab.holder() == ["seed"] and await lab.members.committed()
    lab.seed.fire(next(name for name in hold.TIMERS if lab.seed.timer(name)))
    assert lab.haproxy["seed"].held, "what it would accept now would be lost"
    lab.power_cut()
    assert lab.holder() == ["demo-undercloud-0"], "the VIP moved by itself, to stay"
    assert [unit for unit in GIVEN if lab.seed.unit(unit) == "active"] == []
    step = Commit(lab.members)
    assert await step.check() == Todo("the seed still has the metadata that would configure it again")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_a_seed_without_power_at_any_line_before_the_mark_is_the_controller_that_it_was(lab: Lab) -> None:
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "handed_over.mark(site, known.attempt)")
    lab.power_cut()
    assert lab.holder() == ["demo-undercloud-0"] and not await lab.members.committed(), "a node serves meanwhile"
    await vip_back.to_seed(lab.members, lab.told)
    assert_as_before(lab)


@in_a_lab
async def test_killed_once_the_vip_has_moved_it_only_goes_forward(lab: Lab) -> None:
    await fenced(lab)
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
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "pause = await self._paused(report)")
    step = Commit(lab.members)
    assert isinstance(await step.check(), Todo) and lab.record.committed is None
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and verdict.evidence["write_pause_seconds"]


@in_a_lab
async def test_the_pause_is_what_the_watching_node_saw_also_where_the_engine_was_away_for_long(lab: Lab) -> None:
    await quiesced(lab)
    process.run(["systemctl", "stop", *WORKERS], timeout=20)
    known = lab.record
    assert known.compared is not None and known.hold_since is not None
    since = (
        known.hold_since - 1000
    )  # so long ago, by the clock of a seed that was set meanwhile, or after an hour without an engine
    lab.members.save(replace(known, hold_since=since, compared=replace(known.compared, hold_since=since)))
    await lab.killed("handoff_commit.Commit", "holder = await wait_for(")
    await Commit(lab.members).apply(lab.told)
    committed = lab.record.committed
    assert committed is not None and committed.write_pause is not None and 0 < committed.write_pause < 100
    assert lab.told.facts["handoff_write_pause_seconds"] == committed.write_pause
    assert lab.told.facts["write_hold_since"] is None


@in_a_lab
async def test_where_that_node_cannot_say_so_it_is_the_time_since_the_hold(lab: Lab) -> None:
    await fenced(lab)
    known = lab.record
    assert known.compared is not None and known.hold_since is not None
    since = known.hold_since - 1000
    lab.members.save(replace(known, hold_since=since, compared=replace(known.compared, hold_since=since)))
    await Commit(lab.members).apply(lab.told)
    committed = lab.record.committed
    assert committed is not None and committed.write_pause is not None and committed.write_pause > 1000
