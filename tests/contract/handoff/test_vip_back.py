"""The VIP before COMMIT: a seed that was away does not take it from the node that serves it, and has it back once it can serve."""

from __future__ import annotations

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.step import Done
from seedvm.handoff import vip_back
from seedvm.member.hold import YIELDED
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_quiesce import Quiesce
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, compared, fenced

KEEPALIVED = "keepalived.service"


def away(lab: Lab) -> None:
    """The seed was off for a moment, in which a node took the VIP; its services run again."""
    lab.power_cut()
    assert lab.holder() == ["demo-undercloud-0"] and lab.seed.unit(KEEPALIVED) == "active"


@in_a_lab
async def test_a_seed_that_can_serve_again_has_the_vip_back_from_the_node_that_served_it(lab: Lab) -> None:
    away(lab)
    await vip_back.to_seed(lab.members, lab.told)
    assert lab.holder() == ["seed"] and lab.told.facts["vip_holder"] == "seed"
    assert all(node.unit(KEEPALIVED) == "inactive" for node in lab.nodes), "nobody else was there to take it"
    for node in lab.nodes:
        assert node.timer(YIELDED) == ["20", "systemctl", "start", "--no-block", KEEPALIVED]
        node.do(lambda node=node: node.fire(YIELDED))
    assert lab.holder() == ["seed"] and all(node.unit(KEEPALIVED) == "active" for node in lab.nodes)
    said = len(lab.told.lines)
    await vip_back.to_seed(lab.members, lab.told)
    assert len(lab.told.lines) == said, "there is nothing to do for a seed that has it"


@in_a_lab
async def test_until_it_can_serve_the_node_keeps_it(lab: Lab) -> None:
    away(lab)
    lab.galera["seed"].state = "Joining"
    with pytest.raises(SeedvmError, match="the seed cannot serve yet") as refused:
        await vip_back.to_seed(lab.members, lab.told, serve_seconds=2)
    assert "its database is Joining" in refused.value.why
    assert lab.holder() == ["demo-undercloud-0"] and all(node.unit(KEEPALIVED) == "active" for node in lab.nodes)


@in_a_lab
async def test_after_commit_it_stays_where_it_is(lab: Lab) -> None:
    await committed(lab)
    with pytest.raises(SeedvmError, match="COMMIT is passed"):
        await vip_back.to_seed(lab.members, lab.told)
    assert lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_a_hand_off_begins_with_it(lab: Lab) -> None:
    await compared(lab)
    away(lab)
    await Quiesce(lab.members).apply(lab.told)
    assert lab.holder() == ["seed"] and isinstance(await Quiesce(lab.members).check(), Done)


@in_a_lab
async def test_a_vip_that_leaves_the_seed_while_writes_are_held_leads_back(lab: Lab) -> None:
    await fenced(lab)
    process.run(["systemctl", "stop", KEEPALIVED], timeout=20)
    process.run(["systemctl", "start", KEEPALIVED], timeout=20)
    with pytest.raises(SeedvmError, match="the VIP is not on the seed") as refused:
        await Commit(lab.members).apply(lab.told)
    assert refused.value.passing and lab.told.phases[-1] == "COMMIT undone"
    assert not lab.haproxy["seed"].held and not await lab.members.committed()


@in_a_lab
async def test_a_seed_that_still_has_its_metadata_has_not_handed_over_whoever_holds_the_vip(lab: Lab) -> None:
    LOCAL_DATA.parent.mkdir(parents=True)
    LOCAL_DATA.write_text("{}")
    away(lab)
    seen = await look(lab.context, cloud_of(lab.context))
    assert seen.answers and not seen.here and not seen.handed_over
    LOCAL_DATA.unlink()  # a seed of nothing that finds the undercloud at work
    assert (await look(lab.context, cloud_of(lab.context))).handed_over
