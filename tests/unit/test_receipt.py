"""The receipt: signed, readable, and never safer than its evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.handoff.receipt import Receipt, departed, page, sign, verify
from seedvm.site.generate import generate

MADE = generate()
KEY, PUBLIC = Secret(MADE["receipt_key"]), MADE["receipt_public_key"]
NOTES: dict[str, Any] = {
    "ids_before": {"servers": {"demo-undercloud-0": "s0"}, "images": {"golden": "i0"}},
    "ids_after": {"servers": {"demo-undercloud-0": "s0"}, "images": {"golden": "i0"}},
    "ids_changed": 0,
    "node_reboots": 0,
    "vip_holder": "demo-undercloud-0",
    "times": {"QUIESCE": 1_790_000_000.0, "COMMIT": 1_790_000_020.0},
    "write_pause": 24.5,
    "gaps": [{"api": "keystone", "polls": 500, "failed": 0, "longest_seconds": 0.6, "ended_at": 1.0}],
    "compare": {
        "seqno": 4711,
        "databases": [["heat", 40, 812, "ab" * 32]],
        "image_list": [{"id": "i0", "name": "golden", "size": 5, "sha512": "cd" * 64}],
        "secrets": {"keystone credential": 1, "bmc": 4},
    },
    "rehearsal": {
        "passed": True,
        "member": "demo-undercloud-0",
        "why": "the undercloud did its own work without the seed",
        "seconds": 101.5,
        "parts": {"spare deployed": {"passed": True, "said": "server spare-0 ACTIVE", "seconds": 88.0}},
    },
}


def _receipt(**changes: Any) -> Receipt:
    return Receipt.of(
        site="demo",
        time=datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
        seed="172.22.0.10",
        vip="172.22.0.5",
        members=[{"name": "demo-undercloud-0", "address": "172.22.0.11"}],
        notes={**NOTES, **changes},
    )


def test_a_whole_receipt_says_since_when_the_seed_may_leave() -> None:
    tree = verify(sign(_receipt(), KEY), public_key=PUBLIC)
    assert tree["verdict"] == "SAFE TO LEAVE: YES, since 2026-11-23T01:02:03Z"
    assert tree["may_leave"] is True
    assert tree["longest_gap_seconds"] == 0.6
    assert tree["ids"]["before"] == tree["ids"]["after"]


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"ids_changed": 2}, "2 ids changed"),
        ({"node_reboots": 1}, "1 nodes were rebooted"),
        (
            {"rehearsal": {**NOTES["rehearsal"], "passed": False, "why": "no power"}},
            "the rehearsal did not pass: no power",
        ),
        ({"compare": {**NOTES["compare"], "databases": []}}, "no databases were compared"),
        ({"compare": {**NOTES["compare"], "secrets": {"bmc": 0}}}, "no bmc was decrypted"),
        ({"gaps": []}, "no gaps were compared"),
    ],
)
def test_what_is_wrong_or_missing_makes_it_a_no(changes: dict[str, Any], doubt: str) -> None:
    receipt = _receipt(**changes)
    assert doubt in receipt.doubts
    assert receipt.verdict.startswith("SAFE TO LEAVE: NO")
    assert receipt.tree()["may_leave"] is False


def test_a_changed_receipt_and_another_sites_key_are_refused() -> None:
    text = sign(_receipt(), KEY)
    with pytest.raises(SeedvmError, match="changed after"):
        verify(text.replace('"node_reboots": 0', '"node_reboots": 1'))
    with pytest.raises(SeedvmError, match="another site's key"):
        verify(text, public_key=generate()["receipt_public_key"])


@pytest.mark.parametrize(
    "junk", ["", "{}", "[]", '{"signature": {}}', '{"signature": {"public_key": "x", "value": "y"}}']
)
def test_junk_is_no_receipt(junk: str) -> None:
    with pytest.raises(SeedvmError, match="no receipt"):
        verify(junk)


def test_the_page_tells_every_figure() -> None:
    told = page(json.loads(sign(_receipt(), KEY)))
    for word in (
        "SAFE TO LEAVE: YES",
        "24.5 s",
        "keystone 0.6 s",
        "0 of 500",
        "spare-0",
        "4711",
        "812 rows",
        "172.22.0.5",
    ):
        assert word in told


def test_a_seed_has_departed_once_its_receipt_is_good_and_its_secrets_are_gone(tmp_path: Path) -> None:
    assert departed(tmp_path) is None
    (tmp_path / "receipt.json").write_text(sign(_receipt(), KEY))
    (tmp_path / "secrets.yaml").write_text("generated: {}")
    assert departed(tmp_path) is None
    (tmp_path / "secrets.yaml").unlink()
    assert departed(tmp_path) is not None
    (tmp_path / "receipt.json").write_text(sign(replace(_receipt(), ids_changed=1), KEY))
    assert departed(tmp_path) is None
