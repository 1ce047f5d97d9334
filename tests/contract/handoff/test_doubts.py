"""After COMMIT there is only forward: what cannot be measured any more is a doubt with a name, and the operator's word on it ends it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seedvm.cli import main
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.handoff.record import VipWatch
from seedvm.site.receipt import trusted
from seedvm.site.sealed import open_sealed
from seedvm.steps.handoff_own import Own
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.handoff_rehearse import Rehearse
from seedvm.steps.leave import LeaveCluster, WipeStep
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, owned, proven, rehearsed, watched

LAST = "demo-undercloud-2"


async def waits_for(lab: Lab, *names: str) -> None:
    """The receipt says NO and asks for these words, leaving is refused by the same; once they are given it says YES, signed."""
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    blocked = await step.check()
    assert isinstance(blocked, Blocked) and f"seedvm handoff accept {' '.join(names)}" in blocked.hint
    assert await LeaveCluster(lab.members).check() == blocked
    state = ["--state-dir", str(lab.state_dir)]
    assert main([*state, "handoff", "doubts"]) == 3
    assert main([*state, "handoff", "accept", "no-such-doubt"]) == 1
    assert main([*state, "handoff", "accept", *names, "--by", "anna"]) == 0
    assert await step.check() == Todo("the receipt said NO, and what it names is not as it was")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done) and verdict.evidence["doubts"] == [*names]
    said = trusted(lab.state_dir, lab.site.name)
    assert said.verdict.endswith(f"with doubts accepted by anna: {', '.join(names)}")
    assert all(one.by == "anna" and one.time for one in said.accepted)
    assert main([*state, "handoff", "doubts"]) == 0
    assert not isinstance(await LeaveCluster(lab.members).check(), Blocked)


@in_a_lab
async def test_a_controller_that_was_rebooted_in_the_hand_off(lab: Lab) -> None:
    await committed(lab)
    lab.boot(lab.nodes[1])
    await Own(lab.members).apply(lab.told)
    rehearsed(lab)
    await waits_for(lab, "reboot-demo-undercloud-1")
    assert isinstance(await Own(lab.members).check(), Todo), "the word itself is kept on the controllers as well"
    await Own(lab.members).apply(lab.told)
    assert isinstance(await Own(lab.members).check(), Done)


@in_a_lab
async def test_what_a_user_took_away_after_commit(lab: Lab) -> None:
    await committed(lab)
    del lab.cloud.servers["server-3"]
    step = Own(lab.members)
    await lab.killed("handoff_own.Own", "self._tell(owned, report)")
    assert isinstance(await step.check(), Done), "killed once it was measured: it is measured"
    rehearsed(lab)
    await waits_for(lab, "ids-gone")


@in_a_lab
async def test_the_watching_node_lost_its_samples_or_was_rebooted(lab: Lab) -> None:
    await committed(lab)
    samples = lab.nodes[2].lib / "seedvm/watch.jsonl"
    whole = samples.read_text()
    for text, name in (
        (None, "gap-not-measured"),
        ("", "gap-not-measured"),
        ('{"api": "heat", "at": 1', "gap-not-measured"),
        ("".join(whole.splitlines(keepends=True)[:2]), "gap-partly-measured"),
    ):
        samples.unlink(missing_ok=True)
        if text is not None:
            samples.write_text(text)
        lab.members.save(replace(lab.record, owned=None))
        await Own(lab.members).apply(lab.told)
        assert lab.told.facts["doubts"] == [name]
    samples.write_text(whole)
    verdict = await Own(lab.members).check()
    assert verdict == Todo("what was in doubt can be measured now: gap-partly-measured")
    await Own(lab.members).apply(lab.told)
    assert lab.told.facts["doubts"] == []
    lab.members.save(replace(lab.record, owned=None))
    lab.boot(lab.nodes[2])
    await Own(lab.members).apply(lab.told)
    assert lab.told.facts["doubts"] == [f"reboot-{LAST}", "gap-partly-measured"]
    assert lab.told.facts["handoff_longest_gap_seconds"] == 1.0, "what was seen before it counts"
    rehearsed(lab)
    await waits_for(lab, f"reboot-{LAST}", "gap-partly-measured")


@in_a_lab
async def test_the_clocks_of_seed_and_watcher_do_not_matter(lab: Lab) -> None:
    await committed(lab)
    assert lab.record.watch is not None
    for since in (0.0, 4e9):  # the watcher's clock is far ahead of the seed's, and far behind
        lab.members.save(replace(lab.record, watch=VipWatch(LAST, since, "watch"), owned=None))
        await Own(lab.members).apply(lab.told)
        assert lab.told.facts["handoff_longest_gap_seconds"] == 1.0 and lab.told.facts["doubts"] == []
    watched(lab, token="of an attempt that was undone")
    lab.members.save(replace(lab.record, owned=None))
    await Own(lab.members).apply(lab.told)
    assert lab.told.facts["doubts"] == ["gap-not-measured"]


@in_a_lab
async def test_a_controller_that_does_not_come_back(lab: Lab) -> None:
    await committed(lab)
    lab.down.add(LAST)
    lab.cloud.fails_update = True  # Heat waits for its signal in vain
    step = Own(lab.members)
    await step.apply(lab.told)
    names = [f"silent-{LAST}", "gap-not-measured", "stack-undercloud"]
    assert lab.told.facts["doubts"] == names and isinstance(await step.check(), Done)
    await Rehearse(lab.members).apply(lab.told)
    parts = lab.record.rehearsal.parts if lab.record.rehearsal else {}
    assert parts["stack updated"].said.endswith(f"the undercloud's own stack waits for {LAST}")
    assert lab.cloud.made == {}, "the stack of the rehearsal is deleted again"
    assert isinstance(await Rehearse(lab.members).check(), Done)
    await waits_for(lab, *names)
    lab.galera[LAST].gone = True
    for unit in ("nova-compute.service", "ironic-conductor.service", "heat-engine.service"):
        lab.seed.units(unit, state="inactive")
    await LeaveCluster(lab.members).apply(lab.told)
    assert await LeaveCluster(lab.members).check() == Done({"members": 3, "status": "Primary", "rows_of_the_seed": 0})
    assert isinstance(await WipeStep(lab.members).check(), Todo)


@in_a_lab
async def test_a_controller_that_comes_back_is_measured_again(lab: Lab) -> None:
    await committed(lab)
    lab.down.add("demo-undercloud-1")
    lab.cloud.fails_update = True
    step = Own(lab.members)
    await step.apply(lab.told)
    rehearsed(lab)
    await WriteReceipt(lab.members).apply(lab.told)
    lab.down.clear()
    lab.cloud.fails_update = False
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert lab.told.facts["doubts"] == [] and isinstance(await step.check(), Done)
    receipt = WriteReceipt(lab.members)
    assert isinstance(await receipt.check(), Todo)
    await receipt.apply(lab.told)
    verdict = await receipt.check()
    assert isinstance(verdict, Done) and str(verdict.evidence["verdict"]).startswith("SAFE TO LEAVE: YES")


@in_a_lab
async def test_no_majority_is_no_doubt_and_says_who_is_missing(lab: Lab) -> None:
    await proven(lab)
    lab.down |= {"demo-undercloud-1", LAST}
    with pytest.raises(Exception, match="only 1 of 3 nodes answer"):
        await WriteReceipt(lab.members).apply(lab.told)


@in_a_lab
async def test_a_controller_that_goes_after_the_receipt_is_not_passed_over(lab: Lab) -> None:
    await proven(lab)
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    lab.down.add(LAST)
    assert await step.check() == Todo(f"{LAST} does not answer any more, which the receipt does not say")
    await waits_for(lab, f"silent-{LAST}")


@in_a_lab
async def test_a_dead_bmc_and_a_machine_in_maintenance_do_not_block_the_rehearsal(lab: Lab) -> None:
    await owned(lab)
    lab.cloud.nodes["node-2"]["last_error"] = "Failed to change power state: IPMI call failed: timed out"
    lab.cloud.nodes["node-3"] |= {"maintenance": True, "maintenance_reason": "fan is broken", "power_state": None}
    await Rehearse(lab.members).apply(lab.told)
    step = Rehearse(lab.members)
    assert isinstance(await step.check(), Done)
    assert lab.record.rehearsal is not None
    assert [one.name for one in lab.record.rehearsal.doubts] == ["power-demo-2", "power-demo-3"]
    assert "timed out" in lab.record.rehearsal.doubts[0].why and "fan is broken" in lab.record.rehearsal.doubts[1].why
    lab.cloud.nodes["node-3"] |= {"maintenance": False, "power_state": "power on"}
    assert await step.check() == Todo("demo-3 can be asked for its power now")
    lab.cloud.nodes["node-3"] |= {"maintenance": True}
    await waits_for(lab, "power-demo-2", "power-demo-3")
    lab.cloud.nodes["node-2"]["last_error"] = None
    assert isinstance(await step.check(), Done), "what was accepted is not rehearsed again"


@in_a_lab
async def test_a_record_that_was_lost_ends_in_doubts(lab: Lab) -> None:
    await proven(lab)
    (lab.state_dir / "handoff.json").unlink()
    step = Own(lab.members)
    assert await step.check() == Todo("ids, reboots and API gaps have not been measured yet")
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
    await waits_for(lab, "before-unknown", "gap-not-measured", "comparison-unknown", "pause-unknown")


@in_a_lab
async def test_a_rotation_after_own_is_kept_before_the_seed_is_wiped(lab: Lab) -> None:
    await proven(lab)
    await WriteReceipt(lab.members).apply(lab.told)
    secrets = lab.state_dir / "secrets.yaml"
    secrets.write_text(secrets.read_text() + "proven: {172.22.1.21: {user: root, password: rotated}}\n")
    assert await Own(lab.members).check() == Todo("not on every node yet: sealed.age")
    await lab.killed("leave.WipeStep", "generated = self.members.secrets.generated")
    key = lab.secrets.generated.recovery_key
    for node in lab.nodes:
        _, files = open_sealed((node.lib / "seedvm/sealed.age").read_text(), key, node.name)
        assert b"rotated" in files["secrets.yaml"]
    assert json.loads((lab.state_dir / "receipt.json").read_text())["may_leave"]
