"""Others can check a receipt with the file and the fingerprint alone; a forged, edited, replayed or stripped one is refused by all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.cli import main
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.site.evidence import fingerprint
from seedvm.site.generate import generate
from seedvm.site.receipt import sign_tree
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.leave import LeaveCluster, SeedOff, WipeStep
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import safe
from tui.state.watcher import FolderWatch

Tree = dict[str, Any]


def tree_of(text: str) -> Tree:
    return {name: value for name, value in json.loads(text).items() if name != "signature"}


async def refused(lab: Lab, text: str) -> str:
    """By the screen, by each step that leaves, and by the command, in the same words; the words."""
    path = lab.state_dir / "receipt.json"
    path.write_text(text)
    said = set()
    for step in (LeaveCluster(lab.members), WipeStep(lab.members), SeedOff(lab.members)):
        blocked = await step.check()
        assert isinstance(blocked, Blocked)
        said.add(blocked.why)
    shown = FolderWatch(lab.state_dir).look()[0].receipt
    assert shown is not None and not shown.may_leave
    said.add(shown.because)
    (why,) = said
    assert isinstance(await WriteReceipt(lab.members).check(), Todo), "the engine writes it again"
    return why


@in_a_lab
async def test_a_genuine_receipt_is_verified_with_the_file_alone(lab: Lab) -> None:
    await safe(lab)
    text = (lab.state_dir / "receipt.json").read_text()
    tree = tree_of(text)
    assert [json.loads(one["statement"])["member"] for one in tree["evidence"]] == [node.name for node in lab.nodes]
    assert len({one["public_key"] for one in tree["evidence"]}) == 3
    keys = [(node.lib / "seedvm/member.key") for node in lab.nodes]
    assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys) and not (lab.state_dir / "member.key").exists()
    alone = Path("/var/lib/alone")
    alone.mkdir()
    (alone / "receipt.json").write_text(text)
    key = fingerprint(lab.secrets.generated.receipt_public_key)
    assert key in (lab.state_dir / "receipt.txt").read_text()
    assert FolderWatch(lab.state_dir).look()[0].receipt_key == key
    words = ["--state-dir", str(alone), "receipt", "verify", str(alone / "receipt.json")]
    assert main([*words, "--key", key]) == 0
    assert main([*words, "--json", "--key", key]) == 0
    assert main([*words, "--key", str(lab.state_dir / "receipt.pub")]) == 0
    assert main(words) == 3, "without the key it is self-consistent at most"
    assert main([*words, "--key", fingerprint(generate()["receipt_public_key"])]) == 1
    (alone / "receipt.json").write_text(text.replace('"node_reboots": 0', '"node_reboots": 1'))
    assert main([*words, "--key", key]) == 1
    (alone / "receipt.json").write_text("no JSON")
    assert main([*words, "--key", key]) == 1


@in_a_lab
async def test_what_is_not_genuine_is_refused_by_all_alike(lab: Lab) -> None:
    await safe(lab)
    text = (lab.state_dir / "receipt.json").read_text()
    key = lab.secrets.generated.receipt_key
    tree = tree_of(text)

    def resigned(change: Callable[[Tree], Mapping[str, Any]], by: Secret = key) -> str:
        return sign_tree(change(json.loads(json.dumps(tree))), by)

    def edited_witness(one: Tree) -> Tree:
        one["evidence"][0]["statement"] = one["evidence"][0]["statement"].replace("Synced", "Sinked")
        return one

    bare = {"format", "evidence"}
    twice = "the evidence of demo-undercloud-0 does not belong to a member of its own"
    stripped = {name: value for name, value in tree.items() if name not in bare}
    cases = {
        text.replace('"node_reboots": 0', '"node_reboots": 1'): "the receipt has been changed since it was signed",
        resigned(lambda one: one, Secret(generate()["receipt_key"])): "the receipt is signed by another site's key",
        resigned(lambda one: {**one, "site": "cellar"}): "the evidence of demo-undercloud-0 is of another site or an earlier hand-off",
        resigned(lambda one: {**one, "attempt": "older"}): "the evidence of demo-undercloud-0 is of another site or an earlier hand-off",
        resigned(edited_witness): "a member's evidence has been changed since it was signed",
        resigned(lambda one: {**one, "evidence": one["evidence"][:2]}): "the evidence of demo-undercloud-2 is missing",
        resigned(lambda one: {**one, "evidence": [one["evidence"][0]] * 3}): twice,
        resigned(lambda one: {**one, "evidence": []}): "the evidence of demo-undercloud-0, demo-undercloud-1, demo-undercloud-2 is missing",
        sign_tree(stripped, key): "the members' own evidence is missing from the receipt",
        json.dumps(tree): "the receipt is not signed",
    }  # fmt: skip
    for forged, why in cases.items():
        assert await refused(lab, forged) == why
    (lab.state_dir / "receipt.json").write_text(text)
    assert isinstance(await WriteReceipt(lab.members).check(), Done)
    lab.members.save(replace(lab.record, attempt="a later hand-off of the same site"))
    assert await refused(lab, text) == "the receipt is of an earlier hand-off of this site"


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_has_no_fingerprint(text: str) -> None:
    assert fingerprint(text) == ""
