"""A figure is measured in this deployment, or null with its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seedvm.engine.codec import encode
from seedvm.engine.events import Entry, Unknown
from seedvm.engine.report import make_report, write_report

KEYS = {
    "road_seconds", "stretches", "image_build_seconds", "seed_pss_mib", "handoff_longest_gap_seconds",
    "handoff_write_pause_seconds", "node_reboots", "ids_changed", "node_loss_gap_seconds", "rows_lost", "verdict",
}  # fmt: skip
STEPS = [
    {"name": "scan", "title": "", "stretch": "discover", "usual_seconds": 1},
    {"name": "move", "title": "", "stretch": "handoff", "usual_seconds": 1},
]


def write(state_dir: Path, *events: tuple[float, str, str, str | None, dict[str, Any]]) -> None:
    zero = datetime(2026, 11, 22, 12, tzinfo=UTC)
    lines = [
        encode(Entry(number, zero + timedelta(seconds=at), "demo", run, Unknown(event, fields), step))
        for number, (at, run, event, step, fields) in enumerate(events, 1)
    ]
    (state_dir / "journal.jsonl").write_text("".join(line + "\n" for line in lines))


def test_seconds_are_those_in_which_an_engine_worked(state_dir: Path) -> None:
    write(
        state_dir,
        (0, "r1", "run-started", None, {"steps": STEPS}),
        (10, "r1", "step-checked", "scan", {"verdict": "done"}),
        (15, "r1", "log", "move", {"message": "killed after this"}),
        (100, "r2", "run-started", None, {"steps": STEPS}),
        (101, "r2", "step-checked", "scan", {"verdict": "done"}),
        (130, "r2", "fact", "move", {"name": "handoff_longest_gap_seconds", "value": 0.6}),
        (131, "r2", "run-ended", None, {"verdict": "done"}),
        (500, "r3", "run-started", None, {"steps": STEPS}),
        (501, "r3", "run-ended", None, {"verdict": "done"}),
    )
    figures = make_report(state_dir).figures
    assert figures["road_seconds"] == 46
    assert figures["stretches"] == {"discover": 11, "handoff": 35}
    assert figures["handoff_longest_gap_seconds"] == 0.6
    assert figures["verdict"] == "done"


def test_what_nobody_measured_is_null_with_a_reason(state_dir: Path) -> None:
    write(
        state_dir,
        (0, "r1", "run-started", None, {"steps": STEPS}),
        (9, "r1", "step-failed", "scan", {"what": "silence"}),
    )
    report = make_report(state_dir)
    path = state_dir / "report.json"
    write_report(report, path)
    written = json.loads(path.read_text())
    assert set(written) >= KEYS
    for name in KEYS - {"verdict", "stretches"}:
        assert written[name] is None
        assert written["reasons"][name]
    assert written["verdict"] == "unfinished"
    assert any("was not measured" in line for line in report.lines())


def test_facts_from_outside_are_taken_in(state_dir: Path) -> None:
    write(
        state_dir, (0, "r1", "run-started", None, {"steps": STEPS}), (9, "r1", "run-ended", None, {"verdict": "done"})
    )
    facts = {
        "seed_pss_mib": 2360,
        "road_seconds": 600.5,
        "stretches": {"rack": 3},
        "reasons": {"image_build_seconds": "inputs unchanged"},
    }
    (state_dir / "facts.json").write_text(json.dumps(facts))
    report = make_report(state_dir)
    assert report.figures["seed_pss_mib"] == 2360
    assert report.figures["road_seconds"] == 600.5
    assert report.figures["stretches"] == {"rack": 3, "discover": 0, "handoff": 0}
    assert report.reasons["image_build_seconds"] == "inputs unchanged"
