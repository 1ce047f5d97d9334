"""The hand-off's picture and figures: the line is crossed once, a failure leads where it says, and writes are counted down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base.rows import Line
from seedvm.engine import events
from seedvm.engine.codec import encode
from seedvm.engine.journal import read
from seedvm.engine.reducer import fold
from seedvm.engine.state import Failure, PhaseView, State
from tests.tui.helpers import grid, loaded, name, state_dir, until, wizard
from tui.state.watcher import View
from tui.text.ascii import ascii_text
from tui.text.handoff import duty_lines, evidence_rows, phase_rows, write_pause
from tui.text.handoff_picture import members, moved, picture

DEMO = Path(__file__).parents[1] / "recorded" / "demo" / "journal.jsonl"
ENTRIES = read(DEMO)
AT_COMMIT = next(n for n, one in enumerate(ENTRIES) if '"COMMIT"' in encode(one))


def words(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def phases(**states: str) -> State:
    return State(
        site="demo",
        phases={one: PhaseView(one, state, 100.0, began=90.0) for one, state in states.items()},
    )


def test_the_line_is_crossed_once_and_never_back() -> None:
    order, state, last = ["ahead", "begun", "passed"], State(), 0
    for at in range(AT_COMMIT - 60, len(ENTRIES), 4):
        state = fold(state, ENTRIES[: at + 1] if not state.events else ENTRIES[at - 3 : at + 1])
        now = order.index(moved(state).commit)
        assert now >= last
        last = now
    assert last == 2 and members(state) == ("demo-undercloud-0", "demo-undercloud-1", "demo-undercloud-2")


@pytest.mark.parametrize("width", [80, 100, 120, 160, 200])
def test_picture_and_figures_have_exactly_their_width_and_an_ascii_likeness(width: int) -> None:
    for upto in (AT_COMMIT - 1, AT_COMMIT + 1, len(ENTRIES)):
        state = fold(State(), ENTRIES[:upto])
        drawn = [
            *picture(View(state), width),
            *phase_rows(state, state.last, width // 2),
            *evidence_rows(state, state.last, width // 2),
        ]
        assert all(sum(len(text) for text, _ in line) <= width for line in drawn)
        assert "?" not in ascii_text(words(picture(View(state), width)))


def test_before_commit_a_failure_goes_back_and_after_it_forward() -> None:
    before, after = (
        View(phases(QUIESCE="done"), running=True),
        View(phases(QUIESCE="done", COMMIT="done"), running=True),
    )
    assert "goes back by itself" in words(duty_lines(before, 100))
    assert "r resumes" in words(duty_lines(after, 100))
    bright = {
        text.strip(" ◀▶─")
        for view in (before, after)
        for line in picture(view, 160)
        for text, style in line
        if style == "strong"
    }
    assert {"a failure goes back by itself", "a failure goes forward: r resumes"} <= bright
    stopped = replace(after, running=False, state=replace(after.state, failure=Failure("handoff-own", "failed", "x")))
    assert "press r" in words(duty_lines(stopped, 100)) and "no way back" in words(duty_lines(stopped, 100))


def test_writes_are_counted_down_up_and_over() -> None:
    held = replace(phases(QUIESCE="done"), facts={"write_hold_since": 100.0, "write_pause_limit_seconds": 20.0})
    assert write_pause(held, 107.4)[0] == "refused for 7 s; pass again in 13 s unless COMMIT is reached"
    crossed = replace(held, phases=phases(QUIESCE="done", COMMIT="started").phases)
    assert write_pause(crossed, 107.4)[0] == "refused for 0:07 so far, with an answer"
    assert write_pause(replace(held, facts={**held.facts, "write_hold_since": None}), 130.0)[0] == "pass"
    assert write_pause(replace(held, facts={"handoff_write_pause_seconds": 9.5}), 130.0)[0] == "paused for 9.5 s, over"
    assert write_pause(phases(QUIESCE="done"), 130.0)[0] == "refused for 0:30 so far, with an answer", (
        "an older journal"
    )


def test_the_gap_is_a_curve_of_what_was_heard() -> None:
    told = [replace(ENTRIES[0], event=events.Fact("api_gap_now_seconds", value)) for value in (0.0, 0.0, 2.0, 0.5)]
    state = fold(State(), told)
    assert [value for _, value in state.gaps] == [0.0, 0.0, 2.0, 0.5]
    assert "▁▁█▂" in words(evidence_rows(state, 0.0, 80))


def test_a_phase_that_begins_again_is_timed_from_its_new_beginning() -> None:
    told = [("started", 0), ("undone", 5), ("started", 60), ("done", 64)]
    first = ENTRIES[0].time.timestamp()
    state = State()
    for word, seconds in told:
        at = ENTRIES[0].time.fromtimestamp(first + seconds, ENTRIES[0].time.tzinfo)
        state = fold(state, [replace(ENTRIES[0], time=at, event=events.PhaseReached("FENCE", word))])
    assert "  0:04  " in words(phase_rows(state, state.last, 100))


async def test_a_stop_shows_its_cause_in_the_place_of_the_picture_and_r_leads_on(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"phase":"OWN","state":"started"', review=True)
    failed = events.StepFailed("stack update failed", "example-undercloud-1", "no write passes", "look at HAProxy")
    last = read(folder / "journal.jsonl")[-1]
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(encode(replace(last, seq=last.seq + 1, event=failed)) + "\n")
        journal.write(encode(replace(last, seq=last.seq + 2, event=events.RunEnded("failed"))) + "\n")
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("handoff")
        await until(pilot, lambda: name(app) == "handoff" and "look at HAProxy" in grid(app), "the cause")
        assert "UNDERCLOUD" not in grid(app) and "press r" in grid(app) and "r retry" in grid(app)
        await pilot.resize_terminal(160, 45)
        await until(pilot, lambda: "UNDERCLOUD" in grid(app) and "look at HAProxy" in grid(app), "both")
