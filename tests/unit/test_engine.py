"""The engine checks, applies and checks again; it may be killed at any moment; and there is one of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.engine.events import Entry, NodeReached
from seedvm.engine.journal import Journal, read
from seedvm.engine.lock import EngineBusy, engine_lock, engine_pid
from seedvm.engine.reducer import read_state
from seedvm.engine.report import make_report
from seedvm.engine.run import Checked, JournalReport, run, survey
from seedvm.engine.step import Blocked, Done, Step, Todo
from tests.unit.file_road import BrokenStep, ConsentStep, FileStep

ROOT = Path(__file__).parents[2]


def journal(state_dir: Path, run: str = "r1") -> Journal:
    return Journal(state_dir / "journal.jsonl", "demo", run)


def told(state_dir: Path, *, run: str | None = None) -> list[tuple[str, object]]:
    events = read(state_dir / "journal.jsonl")
    return [(event.kind, event.event.fields().get("verdict")) for event in events if run in (None, event.run)]


def road(state_dir: Path) -> tuple[Step, ...]:
    return FileStep("first", state_dir / "first"), FileStep("last", state_dir / "last", stage="leave")


async def test_a_step_is_applied_between_two_checks(state_dir: Path) -> None:
    ended = await run(road(state_dir), journal(state_dir))
    assert ended.verdict == "done"
    assert told(state_dir)[:7] == [
        ("run-started", None), ("step-checked", "todo"), ("step-started", None), ("log", None), ("fact", None),
        ("step-checked", "done"), ("step-done", None),
    ]  # fmt: skip
    assert told(state_dir)[-1] == ("run-ended", "done")


async def test_a_finished_site_is_looked_at_and_not_touched(state_dir: Path) -> None:
    await run(road(state_dir), journal(state_dir, "r1"))
    before = {path.name: path.stat().st_mtime_ns for path in state_dir.iterdir() if path.name != "journal.jsonl"}
    assert (await run(road(state_dir), journal(state_dir, "r2"))).verdict == "done"
    assert told(state_dir, run="r2")[1:-1] == [("step-checked", "done"), ("step-checked", "done")]
    evidence = [
        event.event.fields().get("evidence")
        for event in read(state_dir / "journal.jsonl")
        if event.run == "r2" and event.step
    ]
    assert evidence == [{"text": "whole", "size": 5}] * 2
    assert before == {
        path.name: path.stat().st_mtime_ns for path in state_dir.iterdir() if path.name != "journal.jsonl"
    }


async def test_a_blocked_step_stops_the_road_until_the_operator_acts(state_dir: Path) -> None:
    steps = (*road(state_dir)[:1], ConsentStep("consent", state_dir / "consent"), *road(state_dir)[1:])
    ended = await run(steps, journal(state_dir))
    assert (ended.verdict, ended.step) == ("blocked", "consent")
    assert ended.error is not None
    assert (ended.error.why, ended.error.hint) == ("nobody agreed", "write the file")
    assert not (state_dir / "last").exists()
    (state_dir / "consent").write_text("whole")
    assert (await run(steps, journal(state_dir))).verdict == "done"


@pytest.mark.parametrize(
    ("how", "what", "machine", "why"),
    [
        ("refused", "the disk is gone", "m3", "no answer"),
        ("bug", "write x: failed unexpectedly", None, "ZeroDivisionError: division by zero [file_road.py:"),
        ("several", "no power", "m1", "(and 1 more failed)"),
        ("nothing", "write x: ran, but its check still fails", None, "x is missing"),
    ],
)
async def test_a_failure_says_what_which_machine_and_why(
    state_dir: Path, how: str, what: str, machine: str | None, why: str
) -> None:
    ended = await run((BrokenStep("x", state_dir / "x", how=how), *road(state_dir)), journal(state_dir))
    assert (ended.verdict, ended.step) == ("failed", "x")
    event = next(event for event in read(state_dir / "journal.jsonl") if event.kind == "step-failed")
    assert (event.event.fields().get("what"), event.event.fields().get("machine")) == (what, machine)
    assert why in str(event.event.fields().get("why"))
    assert not (state_dir / "first").exists()


async def test_a_cause_that_passes_ends_no_run(state_dir: Path) -> None:
    steps = (*road(state_dir)[:1], BrokenStep("x", state_dir / "x", how="passing"), *road(state_dir)[1:])
    ended = await run(steps, journal(state_dir), patience=60, pause=0.01)
    assert ended.verdict == "done"
    kinds = [kind for kind, _ in told(state_dir)]
    assert "step-failed" not in kinds
    assert kinds.count("run-started") == kinds.count("run-ended") == 1
    logged = [str(one.event.fields().get("message")) for one in read(state_dir / "journal.jsonl") if one.kind == "log"]
    assert [line for line in logged if "trying again" in line] == [
        "m3: the cable is loose: no answer; the cause may pass: trying again in 0 s"
    ]


async def test_a_cause_that_does_not_pass_ends_the_run_after_its_time(state_dir: Path) -> None:
    steps = (BrokenStep("x", state_dir / "x", how="loose"), *road(state_dir))
    ended = await run(steps, journal(state_dir), patience=0.2, pause=0.01)
    assert (ended.verdict, ended.step) == ("failed", "x")
    assert ended.error is not None and ended.error.what == "the cable is loose"
    assert [kind for kind, _ in told(state_dir)].count("step-failed") == 1


async def test_a_run_until_a_step_ends_before_it_and_the_next_run_goes_on(state_dir: Path) -> None:
    ended = await run(road(state_dir), journal(state_dir, "r1"), until="last")
    assert (ended.verdict, ended.step, ended.error) == ("stopped", "last", None)
    assert (state_dir / "first").exists() and not (state_dir / "last").exists()
    state = read_state(state_dir)
    assert [step.name for step in state.steps] == ["first", "last"] and not state.all_done and state.failure is None
    assert (await run(road(state_dir), journal(state_dir, "r2"))).verdict == "done"


async def test_a_survey_checks_everything_and_changes_nothing(state_dir: Path) -> None:
    class Unreadable(FileStep):
        async def check(self) -> Done | Todo | Blocked:
            raise SeedvmError("Keystone does not answer")

    (state_dir / "first").write_text("whole")
    before = sorted(path.name for path in state_dir.iterdir())
    steps = (*road(state_dir), Unreadable("x", state_dir / "x"), ConsentStep("consent", state_dir / "consent"))
    seen = [checked async for checked in survey(steps)]
    assert [type(checked.verdict) for checked in seen] == [Done, Todo, SeedvmError, Blocked]
    assert isinstance(seen[0], Checked)
    assert sorted(path.name for path in state_dir.iterdir()) == before


def test_a_second_engine_is_refused_with_the_pid_of_the_first(state_dir: Path) -> None:
    assert engine_pid(state_dir) is None
    with engine_lock(state_dir):
        assert engine_pid(state_dir) == os.getpid()
        with pytest.raises(EngineBusy, match=f"PID {os.getpid()} holds"), engine_lock(state_dir):
            pass
    assert engine_pid(state_dir) is None


def start(state_dir: Path, release: Path) -> process.Child:
    return process.spawn(
        process.Command([sys.executable, "-m", "tests.unit.file_road", state_dir, release], cwd=ROOT),
        log=state_dir / "log",
    )


def wait_until_half(state_dir: Path, child: process.Child) -> None:
    """Until step `second` is in the midst of its apply, in this child's run."""
    deadline = time.monotonic() + 120
    while True:
        events = read(state_dir / "journal.jsonl")
        started = [
            event for event in events if event.kind == "run-started" and event.event.fields().get("pid") == child.pid
        ]
        if started and any(
            event.run == started[0].run and "second" in str(event.event.fields().get("message")) for event in events
        ):
            return
        assert child.poll() is None, (state_dir / "log").read_text()
        assert time.monotonic() < deadline


def test_kill_9_at_any_moment_and_the_next_run_goes_on(state_dir: Path) -> None:
    release = state_dir / "release"
    for _ in range(2):
        child = start(state_dir, release)
        wait_until_half(state_dir, child)
        assert engine_pid(state_dir) == child.pid
        assert read_state(state_dir).outcome(True) == "working"
        child.kill()
        child.wait(timeout=60)
        assert engine_pid(state_dir) is None
        assert read_state(state_dir).outcome(False) == "killed"
        assert (state_dir / "second").read_text() == "half"
    release.touch()
    child = start(state_dir, release)
    assert child.wait(timeout=120) == 0
    assert [(state_dir / name).read_text() for name in ("first", "second", "third")] == ["whole"] * 3
    status = read_state(state_dir)
    assert (status.verdict, [step.state for step in status.steps]) == ("done", ["done"] * 3)
    figures = make_report(state_dir).figures
    assert figures["verdict"] == "done"
    assert set(figures["stretches"]) == {"seed", "leave"}


def test_sigterm_ends_a_run_cleanly(state_dir: Path) -> None:
    child = start(state_dir, state_dir / "release")
    wait_until_half(state_dir, child)
    child.send_signal(signal.SIGINT)  # asyncio.run makes of it what the command line makes of SIGTERM: a cancelled task
    child.wait(timeout=60)
    assert told(state_dir)[-1] == ("run-ended", "stopped")


async def test_progress_is_thinned_and_a_change_of_phase_always_passes(state_dir: Path) -> None:
    heard: list[Entry] = []
    report = JournalReport(Journal(state_dir / "journal.jsonl", "demo", "r1", heard.append), "deploy")
    for percent in range(101):
        report.node("m1", "write", percent=percent)
        report.node("m2", "write", percent=percent)
        report.progress(percent, 100, "MiB")
    report.node("m1", "boot")
    nodes = [entry.event for entry in heard if isinstance(entry.event, NodeReached)]
    written = [(event.node, event.phase, event.percent) for event in nodes]
    assert written[0] == ("m1", "write", 0)
    assert ("m2", "write", 100) in written
    assert written[-1] == ("m1", "boot", None)
    assert len(heard) < 20
    assert [event.event.fields().get("done") for event in heard if event.kind == "progress"] == [0, 100]
