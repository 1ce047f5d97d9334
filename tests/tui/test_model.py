"""The fold of events into a State."""

from __future__ import annotations

import json
import time
from typing import Any

from seedvm.engine.codec import decode
from seedvm.engine.events import Entry
from seedvm.engine.reducer import fold
from seedvm.engine.state import State
from tests.tui.helpers import EXAMPLE, HANGS, journal_line

PLAN = [
    {"name": "one", "title": "First", "stretch": "seed", "usual_seconds": 10.0},
    {"name": "two", "title": "Second", "stretch": "deploy", "usual_seconds": 30.0},
]


def made(*lines: str) -> list[Entry]:
    return [decode(line) for line in lines]


def begun(*more: str) -> State:
    return fold(State(), made(journal_line(1, "run-started", steps=PLAN), *more))


def test_example_ends_with_every_step_done_and_every_phase_done() -> None:
    state = fold(State(), made(*(EXAMPLE / "journal.jsonl").read_text().splitlines()))
    assert state.all_done and state.verdict == "done" and state.failure is None
    assert {phase.state for phase in state.phases.values()} == {"done"} and len(state.phases) == 8
    assert state.facts["handoff_longest_gap_seconds"] == 0.6


def test_fold_in_pieces_is_fold_in_one() -> None:
    events = made(*(EXAMPLE / "journal.jsonl").read_text().splitlines())
    pieces = State()
    for event in events:
        pieces = fold(pieces, [event])
    assert pieces == fold(State(), events)


def test_fold_leaves_the_old_state_as_it_was() -> None:
    old = begun()
    fold(
        old,
        made(journal_line(2, "step-started", "one", why="x"), journal_line(3, "node", "one", node="n", phase="boot")),
    )
    assert old.steps[0].state == "waiting" and not old.nodes


def test_a_step_counts_its_own_seconds() -> None:
    state = begun(
        journal_line(2, "step-started", "one", seconds=1, why=""), journal_line(3, "step-done", "one", seconds=5)
    )
    assert state.steps[0].state == "done"


def test_failure_says_what_machine_why_and_hint_and_goes_with_the_next_run() -> None:
    failed = begun(
        journal_line(2, "step-started", "one", why=""),
        journal_line(3, "step-failed", "one", what="no link", machine="m1", why="cable", hint="plug it in"),
        journal_line(4, "run-ended", verdict="failed"),
    )
    assert failed.failure is not None
    assert (failed.failure.what, failed.failure.machine, failed.failure.why) == ("no link", "m1", "cable")
    assert fold(failed, made(journal_line(5, "run-started", steps=PLAN))).failure is None


def test_a_killed_engines_running_step_waits_again_in_the_next_run() -> None:
    state = begun(journal_line(2, "step-started", "one", why=""), journal_line(3, "run-started", steps=PLAN))
    assert state.steps[0].state == "waiting"


def test_a_done_step_stays_done_with_its_seconds_in_the_next_run() -> None:
    done = '{"seq":3,"time":"2030-01-01T00:00:09Z","site":"s","run":"r","event":"step-done","step":"one","seconds":9.0}'
    state = begun(journal_line(2, "step-started", "one", why=""), done, journal_line(4, "run-started", steps=PLAN))
    assert state.steps[0].state == "done" and state.steps[0].seconds == 9.0


def test_rubbish_in_events_is_passed_over() -> None:
    rubbish: list[dict[str, Any]] = [
        {"event": "node"}, {"event": "progress", "step": "one", "done": "x", "total": None},
        {"event": "run-started", "steps": [1, None, {"title": "no name"}]}, {"event": "from-the-future"},
        {"event": "phase"}, {"event": "fact"}, {"event": "step-checked"}, {"event": "confirmed", "wipe": None},
    ]  # fmt: skip
    head = {"seq": 1, "time": "2030-01-01T00:00:00Z", "site": "s", "run": "r"}
    state = fold(State(), made(*(json.dumps({**head, **tree}) for tree in rubbish)))
    assert state.unknown == {"from-the-future": 1} and state.events == len(rubbish)


def test_a_thousand_nodes_and_a_hundred_thousand_events_are_folded() -> None:
    """How fast is said by bench/tui.py; here work that grows with the square of the events would not end."""
    lines = [journal_line(1, "run-started", steps=PLAN)]
    lines += [journal_line(n, "node", "two", node=f"n{n % 1000}", phase="write", percent=n / 1000, seconds=n / 100)
              for n in range(100_000)]  # fmt: skip
    events = made(*lines)
    began = time.monotonic()
    state = fold(State(), events)
    assert len(state.nodes) == 1000
    assert time.monotonic() - began < HANGS


def test_an_inspected_machine_stays_so_when_the_engine_starts_again_and_finds_it_again() -> None:
    node = "172.22.1.21"
    told = [journal_line(2, "node", "inspect", node=node, phase="inspected", detail="2 cpu, 8 GiB")]
    told += [
        journal_line(3 + number, "node", "discover", node=node, phase=phase, detail="again")
        for number, phase in enumerate(("found", "login", "registered"))
    ]
    state = begun(*told)
    assert (state.nodes[node].phase, state.nodes[node].detail) == ("inspected", "2 cpu, 8 GiB")
    again = fold(state, made(journal_line(9, "node", "inspect", node=node, phase="inspecting", percent=1.0)))
    assert again.nodes[node].phase == "inspecting", "what is really done again is shown"
    unfit = fold(state, made(journal_line(9, "node", "register", node=node, phase="unfit", detail="no account")))
    assert unfit.nodes[node].phase == "unfit"
