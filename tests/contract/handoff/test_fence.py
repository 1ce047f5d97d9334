"""FENCE: the seed's workers are silent and a node has heard them be silent; and they work again when they are not."""

from __future__ import annotations

import asyncio
import socket

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.services.load import installed
from seedvm.steps.handoff_fence import Fence
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import compared, quiesced
from tests.contract.handoff.wire import Told
from tests.contract.isolated import until

WORKERS = installed().units("worker")


def working(lab: Lab) -> bool:
    return all(lab.seed.unit(unit) == "active" for unit in WORKERS)


@in_a_lab
async def test_the_workers_are_silent_and_a_node_watches_the_vip(lab: Lab) -> None:
    await quiesced(lab)
    step = Fence(lab.members)
    assert await step.check() == Todo(f"still running on the seed: {', '.join(WORKERS[:4])}")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert not any(lab.seed.unit(unit) == "active" for unit in WORKERS)
    assert lab.haproxy["seed"].held and lab.holder() == ["seed"]
    assert lab.record.watch is not None and lab.record.watch.member == "demo-undercloud-2"
    assert lab.nodes[2].unit("seedvm-watch.service") == "active"
    samples = lab.nodes[2].lib / "seedvm/watch.jsonl"
    await until(lambda: samples.exists() and '"good": true' in samples.read_text())
    assert lab.told.phases == ["FENCE started", "FENCE started", "FENCE done"]


@in_a_lab
async def test_what_changed_since_the_comparison_in_the_open_is_compared_before_anybody_may_write_again(
    lab: Lab,
) -> None:
    await compared(lab)
    other = "0a1b2c3d-0000-4000-8000-00000000000b"
    lab.put_image(other, "late", b"late image")
    await Quiesce(lab.members).apply(Told())
    before, step = lab.record.compared, Fence(lab.members)
    assert before is not None and before.hold_since is None
    await step.apply(lab.told)
    after = lab.record.compared
    assert after is not None and after.hold_since == lab.record.hold_since
    assert {one.id for one in after.images} - {one.id for one in before.images} == {other}
    assert after.secrets == before.secrets and after.tables == before.tables


@in_a_lab
async def test_a_member_that_no_longer_holds_the_same_undoes_the_fence(lab: Lab) -> None:
    await quiesced(lab)
    lab.galera["demo-undercloud-1"].different.add("heat.things")
    with pytest.raises(SeedvmError, match="the members' tables differ") as failed:
        await Fence(lab.members).apply(lab.told)
    assert "heat.things" in failed.value.why
    assert working(lab) and not lab.haproxy["seed"].held and lab.record.compared is None
    assert lab.told.phases[-1] == "FENCE undone" and lab.told.facts["write_hold_since"] is None


@in_a_lab
async def test_a_worker_that_is_still_heard_undoes_the_fence(lab: Lab) -> None:
    await quiesced(lab)
    with socket.create_server(("0.0.0.0", 8089)):
        with pytest.raises(SeedvmError, match="the seed is not silent") as failed:
            await Fence(lab.members, silent_seconds=8).apply(lab.told)
        assert "port 8089 is open" in failed.value.why
    assert working(lab) and not lab.haproxy["seed"].held and lab.record.hold_since is None
    assert lab.told.phases[-1] == "FENCE undone"
    await quiesced(lab)
    await Fence(lab.members).apply(lab.told)
    assert isinstance(await Fence(lab.members).check(), Done)


@in_a_lab
async def test_an_engine_that_is_stopped_in_it_starts_the_workers_again(lab: Lab) -> None:
    await quiesced(lab)
    task = asyncio.create_task(Fence(lab.members).apply(lab.told))
    await until(lambda: lab.told.phases.count("FENCE started") == 2)
    assert not working(lab)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert working(lab) and not lab.haproxy["seed"].held and lab.told.phases[-1] == "FENCE undone"


@in_a_lab
async def test_a_node_that_does_not_answer_and_a_worker_that_was_started_again_make_it_to_be_done(lab: Lab) -> None:
    await quiesced(lab)
    await Fence(lab.members).apply(lab.told)
    lab.link(lab.nodes[0], "down")
    assert await Fence(lab.members).check() == Todo("not every node answers")
    lab.link(lab.nodes[0], "up")
    assert isinstance(await Fence(lab.members).check(), Done)
    lab.start("ironic-conductor.service")
    assert await Fence(lab.members).check() == Todo("still running on the seed: ironic-conductor.service")


@in_a_lab
async def test_a_worker_that_ignores_its_end_is_killed(lab: Lab) -> None:
    await quiesced(lab)
    lab.seed.fault("heat-engine.service.hangs")
    await Fence(lab.members).apply(lab.told)
    assert lab.seed.unit("heat-engine.service") == "inactive"
    assert isinstance(await Fence(lab.members).check(), Done)


@in_a_lab
async def test_killed_before_and_after_the_workers_are_stopped_it_ends_fenced(lab: Lab) -> None:
    await quiesced(lab)
    step = Fence(lab.members)
    await lab.killed("handoff_fence.Fence", "stopping = at_once.both(")
    assert working(lab) and isinstance(await step.check(), Todo)
    await lab.killed("handoff_fence.Fence", "the seed's workers are stopped; a node verifies that they are silent")
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert lab.haproxy["seed"].held and lab.nodes[2].unit("seedvm-watch.service") == "active"
