"""What a person reads while the engine works: where the road stands, and what each event says."""

from __future__ import annotations

from datetime import UTC, datetime

from seedvm.base.json_tree import JSON
from seedvm.cli.text import EventLines
from seedvm.engine import events
from seedvm.engine.events import Entry, Event, PlannedStep

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEPS = tuple(PlannedStep(name, name, "deploy", 1) for name in ("scan", "deploy"))


def lines(*told: Event, **more: JSON) -> list[str | None]:
    shown = EventLines()
    entries = [Entry(1, NOON, "demo", "r1", events.RunStarted(7, STEPS))]
    entries += [
        Entry(2, NOON, "demo", "r1", event, None if isinstance(event, events.RunEnded) else "deploy", more)
        for event in told
    ]
    return [shown.line(entry) for entry in entries]


def test_every_event_that_matters_has_a_line() -> None:
    assert lines(
        events.StepChecked("todo", why="no server yet"),
        events.StepStarted("no server yet"),
        events.NodeReached("m1", "write", "golden", 41.7),
        events.NodeReached("m1", "boot"),
        events.Progress(1.0, 3, "nodes"),
        events.Progress(1930428416, 2009071616, "bytes"),
        events.Log("hello", "m2"),
        events.PhaseReached("COMMIT", "done"),
        events.Fact("node_reboots", 0),
        events.StepChecked("done", {"servers_up": ["a", "b"], "stack": {"id": "x"}, "whole": True}),
        events.StepDone(61.04),
        events.StepFailed("no power"),
        events.RunEnded("failed"),
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
        "12:00:00 [2/2] deploy: done (servers up a b, stack (id x), whole)",
        "12:00:00 [2/2] deploy: took 61.0 s",
        "12:00:00 [2/2] deploy: FAILED: no power",
        "12:00:00 run r1: failed",
    ]


def test_what_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert lines(events.Unknown("weather", {"sky": "grey"}))[1] == "12:00:00 [2/2] deploy: weather (sky grey)"
    assert lines(events.Log("hello"), mood="good")[1] == "12:00:00 [2/2] deploy: hello (mood good)"
