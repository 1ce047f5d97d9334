"""REHEARSE: the undercloud works alone while not a frame leaves the seed, and says so to a seed that cannot ask."""

from __future__ import annotations

import shutil

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.controller import mute
from seedvm.engine.step import Done, Todo
from seedvm.member import launch
from seedvm.member.mute import MuteRequest
from seedvm.steps.handoff_rehearse import Rehearse
from tests.contract.handoff.lab import IMAGE, Lab, in_a_lab
from tests.contract.handoff.stages import committed
from tests.contract.isolated import until

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="nftables is not installed")


@in_a_lab
async def test_the_holder_of_the_vip_works_alone_and_the_seed_hears_of_it(lab: Lab) -> None:
    step = Rehearse(lab.members)
    assert await step.check() == Todo("the seed still holds the VIP")
    await committed(lab)
    assert await step.check() == Todo("no rehearsal has passed")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and verdict.evidence["member"] == "demo-undercloud-0"
    parts = verdict.evidence["parts"]
    assert isinstance(parts, dict)
    assert list(parts) == ["seed silent", "login", "power of every node", "stack updated", "image served"]
    assert parts["power of every node"] == "3 BMCs answered the undercloud's conductors"
    token = lab.record.rehearsal_token
    assert lab.record.rehearsal is not None and lab.record.rehearsal.token == token
    assert lab.cloud.updates[-1] == {"tags": f"rehearsed-{token}"}
    assert not launch.running("mute")
    assert process.run(["nft", "list", "ruleset"], timeout=20).stdout == ""


@in_a_lab
async def test_killed_while_the_seed_is_mute_the_next_run_waits_for_the_same_verdict(lab: Lab) -> None:
    await committed(lab)
    await lab.killed("handoff_rehearse.Rehearse", "await self._wait(report)")
    token = lab.record.rehearsal_token
    step = Rehearse(lab.members)
    assert await step.check() == Todo("the seed is mute, the rehearsal is running")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert lab.record.rehearsal is not None and lab.record.rehearsal.token == token


@in_a_lab
async def test_a_part_that_fails_is_named_the_seed_is_heard_again_and_the_next_rehearsal_counts(lab: Lab) -> None:
    await committed(lab)
    name, content, sha = lab.cloud.images[IMAGE]
    lab.cloud.images[IMAGE] = (name, b"golden imagf", sha)
    with pytest.raises(SeedvmError, match="cannot work alone yet") as failed:
        await Rehearse(lab.members).apply(lab.told)
    assert (
        failed.value.machine == "demo-undercloud-0"
        and "image served: image golden differs from what" in failed.value.why
    )
    assert lab.told.phases[-1] == "REHEARSE failed"
    assert await Rehearse(lab.members).check() == Todo("no rehearsal has passed")
    lab.cloud.images[IMAGE] = (name, content, sha)
    await Rehearse(lab.members).apply(lab.told)
    assert isinstance(await Rehearse(lab.members).check(), Done)


@in_a_lab
async def test_killed_between_the_nodes_work_and_the_silence_the_next_run_has_a_rehearsal_of_its_own(lab: Lab) -> None:
    await committed(lab)
    await lab.killed("handoff_rehearse.Rehearse", "await in_thread(lambda: launch.launch(silence))")
    old = lab.record.rehearsal_token
    assert lab.nodes[0].unit("seedvm-rehearse.service") == "active" and not launch.running("mute")
    step = Rehearse(lab.members)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    assert lab.record.rehearsal is not None and lab.record.rehearsal.token == lab.record.rehearsal_token != old


@in_a_lab
async def test_a_mute_that_is_stopped_is_over_when_the_stop_returns_and_the_next_one_stays_silent(lab: Lab) -> None:
    def silence(token: str) -> launch.TransientUnit:
        return launch.launch(launch.LaunchRequest("mute", 60, MuteRequest(Secret("ab" * 32), token, 60)))

    silence("first")
    await until(mute.muted)
    assert silence("second").state == "started"
    await until(mute.muted)
    assert launch.running("mute")
    launch.stop(launch.StopRequest("mute"))
    assert not mute.muted() and not launch.running("mute")


@in_a_lab
async def test_without_a_node_that_holds_the_vip_nobody_falls_silent(lab: Lab) -> None:
    await committed(lab)
    lab.nodes[0].do(lambda: process.run(["ip", "address", "delete", "172.22.0.5/24", "dev", "eth0"], timeout=20))
    with pytest.raises(SeedvmError, match="no node holds the VIP"):
        await Rehearse(lab.members).apply(lab.told)
    assert not launch.running("mute")
