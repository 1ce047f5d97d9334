"""RECEIPT: what was proven, signed, on the seed and on every node; and no leave without it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.handoff.record import Committed
from seedvm.site.receipt import verify
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.leave import LeaveCluster, SeedOff, WipeStep
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import owned, proven, rehearsed


@in_a_lab
async def test_a_hand_off_that_went_well_is_safe_to_leave_everywhere(lab: Lab) -> None:
    await proven(lab)
    step = WriteReceipt(lab.members)
    assert await step.check() == Todo("there is no receipt")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and str(verdict.evidence["verdict"]).startswith("SAFE TO LEAVE: YES")
    texts = {
        path.read_text()
        for path in (lab.state_dir / "receipt.json", *(n.lib / "seedvm/receipt.json" for n in lab.nodes))
    }
    (text,) = texts
    assert verify(text, public_key=lab.secrets.generated.receipt_public_key).may_leave
    assert json.loads(text)["longest_gap_seconds"] == 1.0
    assert "SAFE TO LEAVE: YES" in (lab.nodes[0].lib / "seedvm/receipt.txt").read_text()
    assert lab.lines(lab.nodes[0])[-1] == "RECEIPT done"


@in_a_lab
async def test_a_node_that_lost_it_gets_it_again(lab: Lab) -> None:
    await proven(lab)
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    (lab.nodes[2].lib / "seedvm/receipt.json").unlink()
    assert await step.check() == Todo("not every node has the receipt")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_without_a_rehearsal_that_passed_or_with_a_figure_missing_there_is_none(lab: Lab) -> None:
    await owned(lab)
    step = WriteReceipt(lab.members)
    with pytest.raises(SeedvmError, match="no rehearsal has passed"):
        await step.apply(lab.told)
    rehearsed(lab, passed=False)
    with pytest.raises(SeedvmError, match="no rehearsal has passed"):
        await step.apply(lab.told)
    assert not (lab.state_dir / "receipt.json").exists() and not (lab.nodes[0].lib / "seedvm/receipt.json").exists()


@in_a_lab
async def test_figures_that_were_lost_are_doubts_and_no_dead_end(lab: Lab) -> None:
    await proven(lab)
    lab.members.save(replace(lab.record, committed=Committed("demo-undercloud-0"), compared=None))
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    blocked = await step.check()
    assert isinstance(blocked, Blocked)
    assert blocked.why.startswith("SAFE TO LEAVE: NO, because it waits for your word on comparison-unknown")
    assert "seedvm handoff accept comparison-unknown pause-unknown" in blocked.hint


@in_a_lab
async def test_a_receipt_that_was_edited_is_not_believed_and_is_written_again(lab: Lab) -> None:
    await proven(lab)
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    path = lab.state_dir / "receipt.json"
    path.write_text(path.read_text().replace('"node_reboots": 0', '"node_reboots": 1'))
    for leaving in (LeaveCluster(lab.members), WipeStep(lab.members), SeedOff(lab.members)):
        blocked = await leaving.check()
        assert isinstance(blocked, Blocked) and blocked.why == "the receipt has been changed since it was signed"
    verdict = await step.check()
    assert isinstance(verdict, Todo) and "changed since it was signed" in verdict.why
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@in_a_lab
async def test_killed_between_the_nodes_and_the_seed_it_is_written_again(lab: Lab) -> None:
    await proven(lab)
    await lab.killed("handoff_receipt.WriteReceipt", "write_private(self.members.state_dir")
    assert (lab.nodes[0].lib / "seedvm/receipt.json").exists()
    step = WriteReceipt(lab.members)
    assert await step.check() == Todo("there is no receipt")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
