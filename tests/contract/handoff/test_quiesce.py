"""QUIESCE: nothing in flight, writes refused; and back again when it cannot be."""

from __future__ import annotations

import asyncio
import json

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.services.load import installed
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import fenced
from tests.contract.isolated import until

TIMER = "seedvm-hold-end"


def busy(lab: Lab) -> None:
    """Somebody has ordered a server."""
    lab.cloud.servers["new"] = {"id": "new", "name": "new", "status": "BUILD", "OS-EXT-STS:task_state": "spawning"}


@in_a_lab
async def test_writes_are_refused_and_what_must_not_change_is_noted(lab: Lab) -> None:
    step = Quiesce(lab.members)
    assert await step.check() == Todo("the undercloud still accepts changes")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert lab.haproxy["seed"].held
    known = lab.record
    assert known.quiesced is not None and known.watch is not None and known.watch.member == "demo-undercloud-2"
    assert known.quiesced.ids["servers"] == {f"demo-undercloud-{n}": f"server-{n + 1}" for n in range(3)}
    assert set(known.quiesced.booted) == {node.name for node in lab.nodes}
    assert lab.seed.timer(TIMER) == ["240", "/usr/local/bin/seedvm", "member", "release"]
    assert lab.told.phases == ["QUIESCE started", "QUIESCE done"]
    assert lab.lines(lab.nodes[2]) == ["QUIESCE started"]
    assert lab.told.facts["write_hold_since"] == round(known.hold_since or 0, 1)
    assert lab.told.facts["write_pause_limit_seconds"] == 20
    samples = (lab.nodes[2].lib / "seedvm/watch.jsonl").read_text().splitlines()
    heard = {json.loads(line)["api"] for line in samples if '"good": true' in line}
    assert heard == {"keystone", "heat", "writes"}, "it was heard through the VIP before writes were held"


@in_a_lab
async def test_what_an_attempt_has_left_is_undone_before_it_waits_for_anything(lab: Lab) -> None:
    await fenced(lab)
    busy(lab)
    with pytest.raises(SeedvmError, match="is still busy"):
        await Quiesce(lab.members, idle_seconds=1).apply(lab.told)
    assert (
        lab.told.phases[:3] == ["QUIESCE started", "FENCE undone", "QUIESCE undone"]
        and lab.told.facts["write_hold_since"] is None
    )
    assert not lab.haproxy["seed"].held and all(lab.seed.unit(one) == "active" for one in installed().units("worker"))


@in_a_lab
async def test_a_hold_of_unknown_age_means_that_it_is_to_be_done(lab: Lab) -> None:
    lab.haproxy["seed"].held = True
    assert await Quiesce(lab.members).check() == Todo("what must not change was not noted when writes were held")


@in_a_lab
async def test_a_busy_undercloud_is_not_held_and_says_what_it_waits_for(lab: Lab) -> None:
    busy(lab)
    with pytest.raises(SeedvmError, match="is still busy") as refused:
        await Quiesce(lab.members, idle_seconds=3).apply(lab.told)
    assert "server new spawning" in refused.value.why
    assert not lab.haproxy["seed"].held and lab.seed.timer(TIMER) == []
    lab.cloud.servers.pop("new")
    await Quiesce(lab.members).apply(lab.told)
    assert isinstance(await Quiesce(lab.members).check(), Done)


@in_a_lab
async def test_work_that_came_in_just_before_the_hold_undoes_it(lab: Lab) -> None:
    lab.haproxy["seed"].on_hold = lambda: busy(lab)
    with pytest.raises(SeedvmError, match="is still busy") as refused:
        await Quiesce(lab.members, settle_seconds=1).apply(lab.told)
    assert refused.value.passing, "the engine waits and tries again by itself"
    assert not lab.haproxy["seed"].held and lab.seed.timer(TIMER) == []
    assert lab.record.hold_since is None and lab.record.quiesced is None
    assert lab.told.phases[-1] == "QUIESCE undone"
    assert await Quiesce(lab.members).check() == Todo("the undercloud still accepts changes")


@in_a_lab
async def test_an_engine_that_is_stopped_while_writes_are_held_lets_them_pass_again(lab: Lab) -> None:
    lab.haproxy["seed"].on_hold = lambda: busy(lab)
    task = asyncio.create_task(Quiesce(lab.members, settle_seconds=60).apply(lab.told))
    await until(lambda: lab.told.phases == ["QUIESCE started", "QUIESCE started"])  # it waits for the server
    assert lab.haproxy["seed"].held
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lab.haproxy["seed"].held and lab.seed.timer(TIMER) == []


@in_a_lab
async def test_a_node_that_is_gone_and_a_proxy_without_the_map_hold_nothing(lab: Lab) -> None:
    lab.down.add(lab.nodes[1].name)
    with pytest.raises(ExceptionGroup):
        await Quiesce(lab.members).apply(lab.told)
    assert not lab.haproxy["seed"].held
    lab.down.clear()
    lab.haproxy["seed"].odd = True
    with pytest.raises(SeedvmError, match="did not accept the hold"):
        await Quiesce(lab.members).apply(lab.told)
    lab.haproxy["seed"].odd = False
    await Quiesce(lab.members).apply(lab.told)
    assert isinstance(await Quiesce(lab.members).check(), Done)


@in_a_lab
async def test_killed_right_before_the_hold_it_is_done_again(lab: Lab) -> None:
    await lab.killed("handoff_quiesce.Quiesce", "handoff.hold::vip.hold_writes(True)")
    step = Quiesce(lab.members)
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_killed_under_the_hold_the_seeds_own_timer_frees_the_writes_and_it_is_done_again(lab: Lab) -> None:
    await lab.killed("handoff_quiesce.Quiesce", "quiesced = await self._noted(")
    assert lab.haproxy["seed"].held
    lab.seed.fire(TIMER)
    assert not lab.haproxy["seed"].held
    step = Quiesce(lab.members)
    assert await step.check() == Todo("the undercloud still accepts changes")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and lab.record.quiesced is not None


@in_a_lab
async def test_a_stack_of_another_project_is_waited_for_and_a_policy_that_hides_it_fails_nothing(lab: Lab) -> None:
    lab.cloud.others = [{"id": "stack-9", "stack_name": "theirs", "stack_status": "CREATE_IN_PROGRESS"}]
    with pytest.raises(SeedvmError, match="is still busy") as failed:
        await Quiesce(lab.members, idle_seconds=2).apply(lab.told)
    assert "stack theirs CREATE_IN_PROGRESS" in failed.value.why and not lab.haproxy["seed"].held
    lab.cloud.lists_all_projects = False
    await Quiesce(lab.members).apply(lab.told)
    assert isinstance(await Quiesce(lab.members).check(), Done)
