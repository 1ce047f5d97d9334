"""The receipt: signed, readable, and never safer than its evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.engine.step import Blocked
from seedvm.handoff.compare import DatabaseDigest
from seedvm.handoff.members import Members
from seedvm.handoff.receipt import Member, Receipt, sign
from seedvm.handoff.receipt_page import page
from seedvm.handoff.record import Committed, Compared, Owned, Quiesced, Record
from seedvm.handoff.services import ListedImage
from seedvm.member.rehearse import Part, Rehearsal
from seedvm.member.watch import Gap
from seedvm.site.doubts import Accepted, Doubt
from seedvm.site.generate import generate
from seedvm.site.model import Site
from seedvm.site.receipt import VipLine, departed, doubt, sign_tree, site_key, trusted, verify
from seedvm.site.secrets_file import draft_secrets, ensure_generated
from seedvm.steps.leave import allowed
from tests.datacenter.paint import PAINT

MADE = generate()
KEY, PUBLIC = Secret(MADE["receipt_key"]), MADE["receipt_public_key"]
IDS = {"servers": {"demo-undercloud-0": "s0"}, "images": {"golden": "i0"}}
GAP = Gap("keystone", polls=500, failed=0, longest_seconds=0.6, ended_at=1.0)
COMPARED = Compared(
    hold_since=1_790_000_000.0,
    seqno=4711,
    databases=(DatabaseDigest("heat", 40, 812, "ab" * 32),),
    images=(ListedImage("i0", "golden", 5, "cd" * 64),),
    secrets={"keystone credential": 1, "bmc": 4},
)
OWNED = Owned(IDS, ids_changed=0, node_reboots=0, gaps=(GAP,))
RECORD = Record(
    began={"QUIESCE": 1_790_000_000.0, "COMMIT": 1_790_000_020.0},
    quiesced=Quiesced(IDS, {"demo-undercloud-0": "1"}),
    compared=COMPARED,
    committed=Committed("demo-undercloud-0", 24.5),
    owned=OWNED,
)
REHEARSAL = Rehearsal(
    token="t1",
    member="demo-undercloud-0",
    passed=True,
    why="the undercloud did its own work without the seed",
    seconds=101.5,
    parts={"spare deployed": Part(True, "server spare-0 ACTIVE", 88.0)},
)


REBOOT = Doubt("reboot-n1", "n1 was rebooted", "n1", "nobody knows")
SILENT = Doubt("silent-n2", "n2 does not answer", "n2", "timed out")


def _receipt(record: Record = RECORD, rehearsal: Rehearsal = REHEARSAL, words: Sequence[Accepted] = ()) -> Receipt:
    return Receipt.of(
        site="demo",
        time=datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
        seed="172.22.0.10",
        vip="172.22.0.5",
        members=[Member("demo-undercloud-0", "172.22.0.11")],
        record=record,
        rehearsal=rehearsal,
        words=words,
    )


def test_a_whole_receipt_says_since_when_the_seed_may_leave() -> None:
    text = sign(_receipt(), KEY)
    said, tree = verify(text, public_key=PUBLIC), json.loads(text)
    assert said.verdict == "SAFE TO LEAVE: YES, since 2026-11-23T01:02:03Z"
    assert said.may_leave is True
    assert said.vip == VipLine("172.22.0.5", "demo-undercloud-0")
    assert tree["longest_gap_seconds"] == 0.6
    assert tree["ids"]["before"] == tree["ids"]["after"]


@pytest.mark.parametrize(
    ("receipt", "why"),
    [
        (_receipt(rehearsal=replace(REHEARSAL, passed=False, why="no power")), "the rehearsal failed: no power"),
        (_receipt(replace(RECORD, compared=replace(COMPARED, databases=()))), "no databases were compared"),
        (_receipt(replace(RECORD, compared=replace(COMPARED, secrets={"bmc": 0}))), "no secret was decrypted: bmc"),
    ],
)
def test_what_is_wrong_and_can_be_put_right_makes_it_a_no(receipt: Receipt, why: str) -> None:
    assert why in receipt.refusals
    assert receipt.verdict.startswith("SAFE TO LEAVE: NO") and receipt.tree()["may_leave"] is False
    words = [Accepted(why, why, "anna", "2026-11-23T01:00:00+00:00", RECORD.attempt)]
    assert not replace(receipt, accepted=tuple(words)).may_leave, "nobody's word is enough for it"


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (replace(RECORD, owned=replace(OWNED, ids_changed=2)), ["ids-changed"]),
        (replace(RECORD, owned=replace(OWNED, node_reboots=1)), ["reboot-1-nodes"]),
        (replace(RECORD, owned=replace(OWNED, gaps=())), ["gap-not-measured"]),
        (replace(RECORD, quiesced=None), ["before-unknown"]),
        (replace(RECORD, compared=None), ["comparison-unknown"]),
        (replace(RECORD, committed=Committed("demo-undercloud-0")), ["pause-unknown"]),
        (replace(RECORD, owned=replace(OWNED, doubts=(REBOOT, SILENT))), ["reboot-n1", "silent-n2"]),
    ],
)
def test_what_cannot_be_measured_any_more_waits_for_the_operators_word(record: Record, names: list[str]) -> None:
    receipt = _receipt(record)
    assert [one.name for one in receipt.doubts] == names and not receipt.may_leave
    assert receipt.verdict.startswith(f"SAFE TO LEAVE: NO, because it waits for your word on {names[0]}")
    words = [
        Accepted(one.name, one.what, "anna", "2026-11-23T01:00:00+00:00", record.attempt) for one in receipt.doubts
    ]
    said = _receipt(record, words=words)
    assert said.may_leave
    assert (
        said.verdict
        == f"SAFE TO LEAVE: YES, since 2026-11-23T01:02:03Z, with doubts accepted by anna: {', '.join(names)}"
    )
    signed = verify(sign(said, KEY), public_key=PUBLIC)
    assert [one.name for one in signed.doubts] == names and signed.accepted == tuple(words) and not signed.open
    assert "accepted by anna" in page(said) and "not accepted" in page(receipt)


def test_a_word_holds_for_one_hand_off_and_for_what_the_doubt_said() -> None:
    record = replace(RECORD, owned=replace(OWNED, doubts=(REBOOT,)))
    word = Accepted(REBOOT.name, REBOOT.what, "anna", "2026-11-23T01:00:00+00:00", record.attempt)
    assert _receipt(record, words=[word]).may_leave
    assert not _receipt(record, words=[replace(word, attempt="1.5")]).may_leave
    assert not _receipt(record, words=[replace(word, what="something else")]).may_leave


def test_a_receipt_is_the_same_as_one_of_another_time_and_not_as_one_that_says_more() -> None:
    silent = replace(RECORD, owned=replace(OWNED, doubts=(SILENT,)))
    tree = json.loads(sign(replace(_receipt(silent), time=datetime(2027, 1, 1, tzinfo=UTC)), KEY))
    assert _receipt(silent).same_as(tree)
    again = replace(silent, owned=replace(OWNED, doubts=(replace(SILENT, why="no route to host"),)))
    assert _receipt(again).same_as(tree), "why it is silent is told in other words"
    assert not _receipt(replace(silent, owned=replace(OWNED, doubts=(SILENT, REBOOT)))).same_as(tree)


def test_without_the_figures_of_own_there_is_no_receipt() -> None:
    with pytest.raises(SeedvmError, match="measurements for the receipt are missing") as refused:
        _receipt(replace(RECORD, owned=None))
    assert refused.value.why == "OWN"


def test_a_changed_receipt_and_another_sites_key_are_refused() -> None:
    text = sign(_receipt(), KEY)
    with pytest.raises(SeedvmError, match="changed since"):
        verify(text.replace('"node_reboots": 0', '"node_reboots": 1'))
    with pytest.raises(SeedvmError, match="another site's key"):
        verify(text, public_key=generate()["receipt_public_key"])


JUNK = {
    "": "it is not JSON: it is empty",
    "{}": "it has no signature",
    "[]": "it is not an object but a list",
    "null": "it is not an object but null",
    "[" * 100_000: "it is nested too deeply",
    '{"signature": {}}': "its signature has no key or no value",
    '{"signature": null}': "its signature has no key or no value",
    '{"signature": {"public_key": 7, "value": []}}': "its signature has no key or no value",
    '{"signature": {"public_key": "x", "value": "y"}}': "the key in it cannot be read",
    json.dumps({"signature": {"public_key": PUBLIC, "value": "\u20ac"}}): "the receipt has been changed",
    json.dumps({"signature": {"public_key": PUBLIC, "value": "y"}}): "its signature is not Base64",
    json.dumps({"signature": {"public_key": f"{PUBLIC}{PAINT}", "value": PAINT}}): "",
    json.dumps({"signature": {"public_key": PAINT, "value": PAINT}, PAINT: PAINT}): "the key in it cannot be read",
    '{"n": Infinity, "m": ' + "9" * 5000 + ', "signature": {"public_key": "x", "value": "y"}}': "the key in it",
}


@pytest.mark.parametrize(("junk", "why"), JUNK.items(), ids=range(len(JUNK)))
def test_junk_is_no_receipt_and_said_in_words(junk: str, why: str) -> None:
    with pytest.raises(SeedvmError) as raised:
        verify(junk)
    said = "; ".join(raised.value.lines())
    assert why in said and raised.value.hint
    assert not re.search(r"\w+Error|Traceback", said), said


def test_the_page_tells_every_figure() -> None:
    told = page(_receipt())
    for word in (
        "SAFE TO LEAVE: YES",
        "The laptop may leave: yes",
        "4 BMC passwords",
        "24.5 s",
        "keystone 0.6 s",
        "0 of 500",
        "spare-0",
        "4711",
        "812 rows",
        "172.22.0.5",
    ):
        assert word in told


def test_only_the_sites_own_receipt_is_free_of_doubt() -> None:
    text, tree = sign(_receipt(), KEY), _receipt().tree()
    assert doubt(text, key=PUBLIC, site="demo") == ""
    assert doubt(text, key=PUBLIC, site="cellar") == "the receipt is for site demo, but this is cellar"
    assert "not known" in doubt(text, key="", site="demo")
    assert doubt(json.dumps(tree), key=PUBLIC, site="demo") == "the receipt is not signed"
    edited = text.replace('"node_reboots": 0', '"node_reboots": 1')
    assert doubt(edited, key=PUBLIC, site="demo") == "the receipt has been changed since it was signed"
    forged = sign_tree({**tree, "may_leave": True}, Secret(generate()["receipt_key"]))
    assert verify(forged).may_leave and "another site's key" in doubt(forged, key=PUBLIC, site="demo")


def test_the_sites_key_is_that_of_its_secrets_and_after_the_wipe_the_one_beside_the_receipt(tmp_path: Path) -> None:
    assert site_key(tmp_path) == ""
    (tmp_path / "receipt.pub").write_text(PUBLIC)
    assert site_key(tmp_path) == PUBLIC
    made = ensure_generated(tmp_path / "secrets.yaml").generated
    assert site_key(tmp_path) == made.receipt_public_key != PUBLIC
    (tmp_path / "receipt.json").write_text(sign(_receipt(), KEY))
    with pytest.raises(SeedvmError, match="another site's key"):
        trusted(tmp_path, "demo")
    (tmp_path / "receipt.json").write_text(sign(_receipt(), made.receipt_key))
    assert trusted(tmp_path, "demo").may_leave


def test_a_seed_has_departed_once_its_receipt_is_good_and_its_secrets_are_gone(tmp_path: Path) -> None:
    assert departed(tmp_path, "demo") is None
    (tmp_path / "receipt.json").write_text(sign(_receipt(), KEY))
    (tmp_path / "receipt.pub").write_text(PUBLIC)
    (tmp_path / "secrets.yaml").write_text("generated: {}")
    assert departed(tmp_path, "demo") is None
    (tmp_path / "secrets.yaml").unlink()
    assert departed(tmp_path, "demo") is not None
    (tmp_path / "receipt.json").write_text(sign(replace(_receipt(), doubts=(REBOOT,)), KEY))
    assert departed(tmp_path, "demo") is None


def test_a_receipt_that_is_not_the_sites_own_ends_no_deployment(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text(sign(_receipt(), KEY))
    assert departed(tmp_path, "demo") is not None, "a seed that left before there were key files"
    with pytest.raises(SeedvmError, match="for site demo"):
        departed(tmp_path, "cellar")
    (tmp_path / "receipt.pub").write_text(generate()["receipt_public_key"])
    with pytest.raises(SeedvmError, match="another site's key"):
        departed(tmp_path, "demo")


def test_the_seed_leaves_by_a_receipt_of_its_own_site_alone(tmp_path: Path, site: Site) -> None:
    members = Members(site, draft_secrets(tmp_path / "secrets.yaml"), tmp_path)
    assert isinstance(allowed(members), Blocked)
    (tmp_path / "receipt.json").write_text(sign(_receipt(), KEY))
    refused = allowed(members)
    assert isinstance(refused, Blocked) and "not known" in refused.why
    (tmp_path / "receipt.pub").write_text(PUBLIC)
    assert allowed(members) is None
    (tmp_path / "receipt.json").write_text(sign(_receipt(), Secret(generate()["receipt_key"])))
    refused = allowed(members)
    assert isinstance(refused, Blocked) and "another site's key" in refused.why and "on a node" in refused.hint
