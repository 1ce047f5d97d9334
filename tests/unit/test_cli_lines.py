"""What a person reads while the engine works: how far the deployment is, and what each event says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from seedvm.base.json_tree import JSON
from seedvm.cli.text import EventLines
from seedvm.engine import events
from seedvm.engine.events import Entry, Event, PlannedStep
from seedvm.engine.journal import read
from tests.rules.test_linters import ROOT

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


def shown(*told: Event) -> list[str]:
    """The lines there are, without time and place."""
    return [line.partition("deploy: ")[2] for line in lines(*told)[1:] if line is not None]


def test_a_count_has_a_line_for_each_tenth_and_a_small_one_for_each() -> None:
    assert len(shown(*(events.Progress(done, 2182e6, "bytes") for done in range(0, 2182_000_001, 2_000_000)))) == 11
    assert shown(*(events.Progress(done, 11, "services") for done in (0, 0, 0, 1, 1, 6, 6, 11))) == [
        "0 of 11 services",
        "1 of 11 services",
        "6 of 11 services",
        "11 of 11 services",
    ]
    again = shown(*(events.Progress(done, 500, "bytes") for done in (500, 500)), events.Progress(500, 700, "bytes"))
    assert len(again) == 2, "another file is another count"


def test_a_node_has_a_line_when_its_phase_or_a_tenth_changes_and_not_for_each_second() -> None:
    writing = [events.NodeReached("m1", "write", f"{percent} MiB, 80 MiB/s", percent) for percent in range(0, 100, 2)]
    waiting = [events.NodeReached("m1", "power", "available")] * 5
    assert len(shown(*waiting, *writing)) == 1 + 10
    assert len(shown(*waiting, events.NodeReached("m2", "power", "available"), *waiting)) == 2
    there_and_back = [events.NodeReached("m1", phase) for phase in ("power", "failed", "power")]
    assert len(shown(*there_and_back)) == 3


def test_a_fact_or_a_phase_that_is_measured_again_has_a_line_when_it_differs() -> None:
    gaps = [events.Fact("api_gap_longest_seconds", gap) for gap in (0.3, 0.3, 0.4, 0.4)]
    assert shown(*gaps) == ["api_gap_longest_seconds = 0.3", "api_gap_longest_seconds = 0.4"]
    phases = [events.PhaseReached("FENCE", "started", detail) for detail in ("", "", "the workers are stopped")]
    assert shown(*phases) == ["FENCE started", "FENCE started the workers are stopped"]


def test_what_is_said_once_is_always_shown() -> None:
    assert len(shown(*[events.Log("waiting"), events.StepChecked("done"), events.StepFailed("no power")] * 2)) == 6


def test_a_new_run_begins_anew() -> None:
    fact = events.Fact("node_reboots", 0)
    assert len([line for line in lines(fact, events.RunStarted(8, STEPS), fact) if line]) == 4


def test_a_recorded_run_of_twenty_minutes_is_a_few_hundred_lines() -> None:
    entries = read(ROOT / "tests/recorded/demo/journal.jsonl")
    reader = EventLines()
    said = [line for entry in entries if (line := reader.line(entry))]
    assert len(entries) > 800 and 200 < len(said) < 400
    assert not [line for line, after in itertools.pairwise(said) if line[9:] == after[9:]]


def test_what_this_version_does_not_know_is_shown_as_it_is() -> None:
    assert lines(events.Unknown("weather", {"sky": "grey"}))[1] == "12:00:00 [2/2] deploy: weather (sky grey)"
    assert lines(events.Log("hello"), mood="good")[1] == "12:00:00 [2/2] deploy: hello (mood good)"
