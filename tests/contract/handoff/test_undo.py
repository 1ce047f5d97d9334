"""`seedvm handoff undo`: back before COMMIT from wherever the hand-off was left; after it refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.handoff import hold
from seedvm.handoff.undo import Undone, undo
from seedvm.services.load import installed
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_fence import Fence
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, fenced, quiesced

WORKERS = installed().units("worker")


def as_before(lab: Lab) -> bool:
    """The seed has the VIP, lets writes pass, its workers run, and no timer is set."""
    running = all(lab.seed.unit(unit) == "active" for unit in WORKERS)
    timers = any(lab.seed.timer(name) for name in hold.TIMERS)
    return running and not timers and not lab.haproxy["seed"].held and lab.holder() == ["seed"]


def command(lab: Lab, *more: str) -> tuple[int, Any]:
    argv = ["seedvm", "handoff", "undo", "--json", "--state-dir", str(lab.state_dir), *more]
    done = process.run(argv, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout or done.stderr)


@in_a_lab
async def test_a_hand_off_that_waits_before_commit_is_taken_back_whole_and_may_begin_again(lab: Lab) -> None:
    await fenced(lab)
    assert await undo(lab.members) == Undone(True, True, WORKERS, True)
    assert as_before(lab) and lab.cloud.credentials == {}
    assert all(lab.lines(node)[-1] == "QUIESCE undone" for node in lab.nodes)
    assert await Quiesce(lab.members).check() == Todo("the undercloud still accepts changes")
    assert await undo(lab.members) == Undone(False, False, (), True), "there is nothing left to take back"
    await fenced(lab)
    await Commit(lab.members).apply(lab.told)
    assert isinstance(await Commit(lab.members).check(), Done)


@in_a_lab
async def test_from_each_line_at_which_an_engine_may_die_before_commit_it_leads_back(lab: Lab) -> None:
    await lab.killed("handoff_quiesce.Quiesce", "handoff.hold::vip.hold_writes(True)")
    assert (await undo(lab.members)).undone and as_before(lab)
    await lab.killed("handoff_quiesce.Quiesce", "known = replace(self.members.record()")
    assert (await undo(lab.members)).writes_were_held and as_before(lab)
    await quiesced(lab)
    await lab.killed("handoff_fence.Fence", "the seed's workers are stopped; a node verifies that they are silent")
    assert (await undo(lab.members)).started == WORKERS and as_before(lab)
    assert lab.nodes[2].unit("seedvm-watch.service") == "", "no node polls the VIP any more"
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "handed_over.mark(site, known.attempt)")
    assert (await undo(lab.members)).started == WORKERS and as_before(lab)
    assert all(lab.lines(node)[-1] == "COMMIT undone" for node in lab.nodes)


@in_a_lab
async def test_after_commit_it_is_refused_with_the_reason_and_changes_nothing(lab: Lab) -> None:
    await committed(lab)
    with pytest.raises(SeedvmError, match="cannot be undone: COMMIT is passed") as refused:
        await undo(lab.members)
    assert "demo-undercloud-0 holds the VIP 172.22.0.5" in refused.value.why
    assert lab.holder() == ["demo-undercloud-0"] and not any(lab.seed.unit(unit) == "active" for unit in WORKERS)


@in_a_lab
async def test_behind_the_mark_it_is_refused_also_where_the_vip_has_not_moved_yet(lab: Lab) -> None:
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "LOCAL_DATA.unlink")
    with pytest.raises(SeedvmError, match="COMMIT is passed") as refused:
        await undo(lab.members)
    assert "is on its way" in refused.value.why and lab.haproxy["seed"].held


@in_a_lab
async def test_a_worker_that_does_not_start_again_is_named(lab: Lab) -> None:
    await fenced(lab)
    lab.seed.hook("heat-engine.service.start", "echo failed > /run/units/heat-engine.service")
    with pytest.raises(SeedvmError, match="not all of the seed's workers run") as failed:
        await undo(lab.members, workers_seconds=3)
    assert "heat-engine.service" in failed.value.why and not lab.haproxy["seed"].held
    lab.seed.hook("heat-engine.service.start")
    assert (await undo(lab.members)).started == ("heat-engine.service",) and as_before(lab)


@in_a_lab
async def test_the_command_takes_back_and_says_so_also_where_no_node_can_be_asked(lab: Lab) -> None:
    await fenced(lab)
    code, said = command(lab)
    assert code == 0 and said["undone"] and said["writes_were_held"] and said["vip_here"], said
    assert said["started"] == list(WORKERS) and said["engine_stopped"] is False
    assert as_before(lab)
    await fenced(lab)
    await lab.killed("handoff_commit.Commit", "LOCAL_DATA.unlink")
    code, said = command(lab)
    assert code == 1 and said["error"]["what"] == "the hand-off cannot be undone: COMMIT is passed"


@in_a_lab
async def test_the_watch_and_the_hold_of_a_fence_that_fails_end_with_it(lab: Lab) -> None:
    await quiesced(lab)
    lab.down.add("demo-undercloud-2")
    with pytest.raises(SeedvmError, match="No route to host"):
        await Fence(lab.members).apply(lab.told)
    assert as_before(lab) and lab.told.phases[-1] == "FENCE undone"
