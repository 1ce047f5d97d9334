"""What a person reads while the engine works: where the road stands, and what each event says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from seedvm.cli.text import EventLines
from seedvm.engine.journal import Event

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEPS = [{"name": name, "title": name, "stretch": "deploy", "usual_seconds": 1} for name in ("scan", "deploy")]


def lines(*events: tuple[str, dict[str, Any]]) -> list[str | None]:
    shown = EventLines()
    told = [Event(1, NOON, "demo", "r1", "run-started", None, {"steps": STEPS, "pid": 7})]
    told += [
        Event(2, NOON, "demo", "r1", event, None if event == "run-ended" else "deploy", more) for event, more in events
    ]
    return [shown.line(event) for event in told]


def test_every_event_that_matters_has_a_line() -> None:
    assert lines(
        ("step-checked", {"verdict": "todo", "why": "no server yet"}),
        ("step-started", {"why": "no server yet"}),
        ("node", {"node": "m1", "phase": "write", "percent": 41.7, "detail": "golden"}),
        ("node", {"node": "m1", "phase": "boot"}),
        ("progress", {"done": 1.0, "total": 3, "unit": "nodes"}),
        ("progress", {"done": 1930428416, "total": 2009071616, "unit": "bytes"}),
        ("log", {"message": "hello", "node": "m2"}),
        ("phase", {"phase": "COMMIT", "state": "done"}),
        ("fact", {"name": "node_reboots", "value": 0}),
        ("step-checked", {"verdict": "done", "evidence": {"servers": ["a", "b"], "stack": {"id": "x"}}}),
        ("step-done", {"seconds": 61.04}),
        ("step-failed", {"what": "no power"}),
        ("run-ended", {"verdict": "failed"}),
    ) == [
        "12:00:00 run r1: 2 steps, engine PID 7",
        "12:00:00 [2/2] deploy: todo: no server yet",
        None,
        "12:00:00 [2/2] deploy: m1: write 42 % golden",
        "12:00:00 [2/2] deploy: m1: boot",
        "12:00:00 [2/2] deploy: 1 of 3 nodes",
        "12:00:00 [2/2] deploy: 1930 of 2009 MB",
        "12:00:00 [2/2] deploy: m2: hello",
        "12:00:00 [2/2] deploy: COMMIT done",
        "12:00:00 [2/2] deploy: node_reboots = 0",
        "12:00:00 [2/2] deploy: done (servers: a b, stack: {id: x})",
        "12:00:00 [2/2] deploy: took 61.0 s",
        "12:00:00 [2/2] deploy: FAILED: no power",
        "12:00:00 run r1: failed",
    ]
