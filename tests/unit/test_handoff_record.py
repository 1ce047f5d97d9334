"""The hand-off's memory: kept whole, read whole, also as the version before wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.handoff.compare import DatabaseDigest
from seedvm.handoff.record import (
    FILE,
    Canary,
    Committed,
    Compared,
    Owned,
    Quiesced,
    Record,
    VipWatch,
    load,
    save,
)
from seedvm.handoff.services import ListedImage
from seedvm.member.rehearse import Part, Rehearsal
from seedvm.member.watch import Gap

IDS = {"servers": {"demo-undercloud-0": "s0"}, "stacks": {"undercloud": "st0"}}
WHOLE = Record(
    began={"QUIESCE": 100.5, "COMMIT": 120.0, "OWN": 130.0, "REHEARSE": 180.0},
    canary=Canary("c0", "ab"),
    hold_since=100.5,
    quiesced=Quiesced(IDS, {"demo-undercloud-0": "311"}),
    compared=Compared(
        100.5, 4711, (DatabaseDigest("heat", 40, 812, "cd"),), (ListedImage("i0", "golden", 5, "ef"),), {"bmc": 4}
    ),
    watch=VipWatch("demo-undercloud-2", 110.0),
    committed=Committed("demo-undercloud-0", 24.5),
    owned=Owned(IDS, 0, 0, (Gap("keystone", 500, 0, 0.6, 121.0),)),
    rehearsal_token="t0",
    rehearsal=Rehearsal("t0", "demo-undercloud-0", True, "well", 101.5, {"login": Part(True, "at the VIP", 0.3)}),
)
# As commit 6b507ab wrote it, in the order of its phases.
BEFORE: dict[str, Any] = {
    "canary": {"id": "c0", "seal": "ab"},
    "hold_since": 100.5,
    "compare": {
        "hold_since": 100.5,
        "seqno": 4711,
        "tables": 40,
        "rows": 812,
        "databases": [["heat", 40, 812, "cd"]],
        "images": 1,
        "image_list": [{"id": "i0", "name": "golden", "size": 5, "sha512": "ef"}],
        "secrets": {"bmc": 4},
    },
    "ids_before": IDS,
    "booted_before": {"demo-undercloud-0": "311"},
    "times": {"QUIESCE": 100.5, "COMMIT": 120.0, "OWN": 130.0, "REHEARSE": 180.0},
    "watch": {"member": "demo-undercloud-2", "since": 110.0},
    "committed": True,
    "vip_holder": "demo-undercloud-0",
    "write_pause": 24.5,
    "ids_after": IDS,
    "ids_changed": 0,
    "node_reboots": 0,
    "gaps": [{"api": "keystone", "polls": 500, "failed": 0, "longest_seconds": 0.6, "ended_at": 121.0}],
    "rehearsal_token": "t0",
    "rehearsal": {
        "token": "t0",
        "member": "demo-undercloud-0",
        "passed": True,
        "why": "well",
        "seconds": 101.5,
        "parts": {"login": {"passed": True, "said": "at the VIP", "seconds": 0.3}},
    },
}


def before(tmp_path: Path, *keys: str) -> Record:
    """The older version's file with these keys only (all of them, if none is named), read by this one."""
    tree = {key: BEFORE[key] for key in keys or BEFORE}
    (tmp_path / FILE).write_text(json.dumps(tree, indent=1))
    return load(tmp_path)


def test_nothing_is_known_before_the_hand_off(tmp_path: Path) -> None:
    assert load(tmp_path) == Record()


def test_the_record_is_read_as_it_was_kept(tmp_path: Path) -> None:
    save(tmp_path, WHOLE)
    assert load(tmp_path) == WHOLE
    save(tmp_path, replace(WHOLE, hold_since=None, compared=None))
    assert load(tmp_path) == replace(WHOLE, hold_since=None, compared=None)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_whole_file_of_the_version_before_is_the_same_record(tmp_path: Path) -> None:
    assert before(tmp_path) == WHOLE


def test_a_file_of_the_version_before_is_read_at_any_moment_of_the_hand_off(tmp_path: Path) -> None:
    assert before(tmp_path, "canary") == Record(canary=Canary("c0", "ab"))
    held = before(tmp_path, "canary", "hold_since")
    assert (held.hold_since, held.quiesced, held.compared) == (100.5, None, None)
    (tmp_path / FILE).write_text(json.dumps({**BEFORE, "hold_since": None, "compare": None}))
    assert load(tmp_path) == replace(WHOLE, hold_since=None, compared=None)
    moved = before(tmp_path, "committed", "vip_holder", "times")
    assert moved.committed == Committed("demo-undercloud-0")
    assert moved.began == WHOLE.began


def test_the_first_time_of_a_phase_counts_and_phases_keep_their_order() -> None:
    assert list(WHOLE.begun("OWN", 999.0).items()) == list(WHOLE.began.items())
    assert Record(began={"QUIESCE": 1.0}).begun("OWN", 2.0) == {"QUIESCE": 1.0, "OWN": 2.0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"compare": 7}',
        '{"times": [], "committed": 7}',
        '{"format": 2, "hold_since": "soon"}',
        '{"ids_before": {}}',
        '{"compare": {"seqno": 1}}',
        "{",
    ],
)
def test_a_file_that_is_not_understood_is_an_error_and_not_an_empty_record(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SeedvmError, match=r"handoff\.json has an unexpected format") as refused:
        load(tmp_path)
    assert "restore it" in refused.value.hint
    assert refused.value.why and "Error" not in refused.value.why
    assert (tmp_path / FILE).read_text() == text
