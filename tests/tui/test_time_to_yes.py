"""The time of YES: what is left is honest, the bar never goes back, and a later YES is never without a word."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

from seedvm.engine.codec import decode
from seedvm.engine.journal import read
from seedvm.engine.reducer import fold
from seedvm.engine.state import State
from tests.tui.helpers import EXAMPLE, journal_line
from tui.state.estimate import forecast, left_of, pace, until_leave, usual_stage
from tui.state.gauge import Gauge, Reading
from tui.text.road import time_line

DEMO = EXAMPLE.parent / "demo" / "journal.jsonl"
"""A deployment whose engine was killed three times, with a machine that failed and was replaced."""

PLAN = [
    {"name": "one", "title": "First", "stretch": "seed", "usual_seconds": 60.0},
    {"name": "two", "title": "Second", "stretch": "deploy", "usual_seconds": 240.0},
    {"name": "receipt", "title": "Receipt", "stretch": "leave", "usual_seconds": 5.0},
    {"name": "seed-off", "title": "Off", "stretch": "leave", "usual_seconds": 500.0},
]


def begun(*more: str) -> State:
    lines = (journal_line(1, "run-started", steps=PLAN), *more)
    return fold(State(), [decode(line) for line in lines])


@lru_cache
def walked(journal: Path, every: float = 5.0) -> tuple[tuple[State, float, bool], ...]:
    """The state, the time and whether an engine was at work, each `every` seconds of a recording until the laptop may leave."""
    entries, state = read(journal), State()
    seen: list[tuple[State, float, bool]] = []
    for entry, following in pairwise(entries):
        state, now = fold(state, [entry]), entry.time.timestamp()
        while now < following.time.timestamp():
            seen.append((state, now, entry.run == following.run))
            now += every
        if state.steps and all(step.state == "done" for step in until_leave(state)):
            break
    return tuple(seen)


def read_all(journal: Path) -> list[tuple[Reading, float]]:
    gauge = Gauge()
    return [(gauge.read(state, now, working=works), now) for state, now, works in walked(journal)]


@pytest.mark.parametrize("journal", [DEMO, EXAMPLE / "journal.jsonl"], ids=["demo", "example"])
def test_the_bar_never_goes_back_and_reaches_the_end_with_the_receipt(journal: Path) -> None:
    shares = [reading.share for reading, _ in read_all(journal)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9, "and is no step further from it than the receipt"


@pytest.mark.parametrize("journal", [DEMO, EXAMPLE / "journal.jsonl"], ids=["demo", "example"])
def test_what_is_left_is_within_a_factor_of_the_truth(journal: Path) -> None:
    told = [made for state, now, works in walked(journal) if works and (made := forecast(state, now)) is not None]
    whole = told[-1].worked
    far = [one for one in told if whole - one.worked > 60 and not 0.5 < one.left / (whole - one.worked) < 2.0]
    assert len(far) < len(told) / 10, [(round(one.worked), round(one.left)) for one in far]


def test_a_later_yes_is_never_without_a_word() -> None:
    gauge, whole, words = Gauge(), 0.0, 0
    for state, now, works in walked(DEMO):
        reading = gauge.read(state, now, working=works)
        if reading.forecast is None or not works:
            continue
        ends = reading.forecast.worked + reading.forecast.left
        if whole and ends > whole + max(45.0, 0.12 * reading.forecast.left) + 1:
            assert reading.later is not None, f"{ends - whole:.0f} s later at {reading.forecast.worked:.0f}"
        if reading.later is not None:
            words, whole = words + 1, ends
        whole = min(whole or ends, ends)
    assert words


def test_the_target_is_the_receipt_and_not_what_comes_after_it() -> None:
    state = begun()
    made = forecast(state, state.last, working=False)
    assert made is not None and made.left < 400 and made.early < made.left < made.late
    assert [step.name for step in until_leave(state)][-1] == "receipt"


def test_a_step_that_takes_longer_than_usual_is_never_all_but_done() -> None:
    left = [left_of(60, gone) for gone in (0, 30, 60, 90, 120, 300, 3000)]
    assert left[0] == 60 and all(seconds > 5 for seconds in left)
    assert [seconds + gone for seconds, gone in zip(left, (0, 30, 60, 90, 120, 300, 3000), strict=True)] == sorted(
        seconds + gone for seconds, gone in zip(left, (0, 30, 60, 90, 120, 300, 3000), strict=True)
    ), "and ends later the longer it takes"


def test_a_running_clock_never_freezes_what_is_left() -> None:
    state = begun(journal_line(2, "step-started", "two", why=""))
    ends = [state.last + gone + made.left for gone in range(0, 900, 60) if (made := forecast(state, state.last + gone))]
    assert ends == sorted(ends) and ends[-1] > ends[0] + 300


def test_a_counter_that_jumps_does_not_throw_the_estimate() -> None:
    quiet = begun(journal_line(2, "step-started", "two", why=""))
    counted = fold(quiet, [decode(journal_line(3, "progress", "two", done=2, total=3, unit="machines", seconds=20))])
    before, after = forecast(quiet, quiet.last + 20), forecast(counted, counted.last)
    assert before is not None and after is not None
    assert 0.5 < after.left / before.left <= 1.0, "two of three counted after 20 of 240 seconds is no third of the time"


def test_the_pace_of_this_site_and_what_machines_took_here_are_learned() -> None:
    slow = begun(journal_line(2, "step-started", "one", why=""), journal_line(3, "step-done", "one", seconds=180))
    slow = fold(slow, [decode(journal_line(3, "step-done", "one", seconds=180.0))])
    assert pace(begun()) == 1.0
    lines = [
        journal_line(4, "node", "two", node="a-undercloud-0", phase="write", seconds=10),
        journal_line(5, "node", "two", node="a-undercloud-0", phase="boot", seconds=50),
    ]
    assert usual_stage(fold(slow, [decode(line) for line in lines]), "write") == 40.0


def test_the_operators_own_time_counts_for_nothing() -> None:
    gauge = Gauge()
    stopped = begun(
        journal_line(2, "step-started", "one", why=""),
        journal_line(3, "step-checked", "one", verdict="blocked", why="confirm", hint="", seconds=30),
        journal_line(4, "run-ended", verdict="blocked", seconds=30),
    )
    first = gauge.read(stopped, stopped.last, working=False)
    later = gauge.read(stopped, stopped.last + 3600, working=False)
    assert first == later and first.stands
    words = "".join(text for text, _ in time_line(later, stopped.last + 3600, 80))
    assert "after it continues" in words and len(words) <= 80
