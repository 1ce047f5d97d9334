"""The journal survives a kill in the middle of a line, can be followed, takes no secret, and is read whichever version wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.engine import events
from seedvm.engine.codec import decode, encode
from seedvm.engine.events import Entry, Fact, Log, Progress, Unknown
from seedvm.engine.journal import Damaged, Journal, Tail, read
from seedvm.engine.reducer import read_state

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*/journal.jsonl"))
WHOLE = '{"seq":1,"time":"2026-11-01T00:00:00.000Z","site":"demo","run":"r1","event":"log","message":"x"}'


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    journal.append(Log("hello", "m1"), step="scan")
    journal.append(Progress(1, 2, "MiB"), step="scan")
    journal.close()
    first, second = read(path)
    assert (first.seq, first.site, first.run, first.step, first.event) == (1, "demo", "r1", "scan", Log("hello", "m1"))
    assert (second.seq, second.event) == (2, Progress(1, 2, "MiB"))
    line = json.loads(path.read_text().splitlines()[0])
    assert line["time"].endswith("Z")
    assert set(line) == {"seq", "time", "site", "run", "event", "step", "message", "node"}


def test_a_torn_last_line_is_passed_over_and_named_and_the_next_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    journal.append(Log("whole"))
    journal.close()
    with path.open("a") as file:
        file.write('{"seq":2,"time":"2026-11-')
    assert len(read(path)) == 1
    journal = Journal(path, "demo", "r2")
    journal.append(Log("after"))
    journal.close()
    assert [(entry.seq, entry.run, entry.event) for entry in read(path)] == [
        (1, "r1", Log("whole")),
        (2, "r2", Log("after")),
    ]
    (damaged,) = read_state(tmp_path).damaged
    assert damaged.startswith("line 2 of the journal is damaged and was skipped: Unterminated string")
    assert damaged in [line.message for line in read_state(tmp_path).log]


def test_a_follower_gets_each_event_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    assert tail.read().empty
    journal = Journal(path, "demo", "r1")
    journal.append(Log("ä"))
    assert [entry.event for entry in tail.read().entries] == [Log("ä")]
    with path.open("a") as file:
        file.write('{"torn')
    assert tail.read().empty
    Journal(path, "demo", "r2").append(Log("b"))
    batch = tail.read()
    assert [entry.event for entry in batch.entries] == [Log("b")]
    assert [line.line for line in batch.damaged] == [2]
    assert tail.read().empty
    path.write_text("")
    assert tail.read().from_start
    assert tail.read().empty


def test_a_long_journal_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f"{WHOLE}\n{WHOLE}\nrubbish\n{WHOLE}\n")
    tail = Tail(path, len(WHOLE) + 5)
    batches = [tail.read() for _ in range(3)]
    assert [len(batch.entries) for batch in batches] == [2, 1, 0]
    assert [line for batch in batches for line in batch.damaged] == [
        Damaged(3, "Expecting value: line 1 column 1 (char 0)")
    ]


@pytest.mark.parametrize(
    "value", [Secret("swordfish"), [Secret("swordfish")], {"deep": {"er": Secret("swordfish")}}, Path("/x")]
)
def test_a_secret_is_refused_wherever_it_hides(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    for event in (Log(value), Fact("x", value), events.StepDone(1, {"x": value})):
        with pytest.raises(TypeError):
            journal.append(event)
    journal.append(Log("still here"))
    assert [entry.event for entry in read(path)] == [Log("still here")]
    assert "swordfish" not in path.read_text()


def test_a_field_does_not_pose_as_the_head() -> None:
    with pytest.raises(TypeError):
        encode(Entry(1, datetime.now(UTC), "demo", "r1", Unknown("log", {"site": "other"})))


def test_a_listener_hears_what_was_written(tmp_path: Path) -> None:
    heard: list[Entry] = []
    Journal(tmp_path / "journal.jsonl", "demo", "r1", heard.append).append(Log("x"))
    assert [entry.event for entry in heard] == [Log("x")]
    assert decode(encode(heard[0])) == Entry(
        **{**vars(heard[0]), "time": heard[0].time.replace(microsecond=heard[0].time.microsecond // 1000 * 1000)}
    )


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '"x"', '{"seq": "a"}', "\x00", WHOLE + WHOLE, WHOLE + " x"])
def test_a_line_that_is_no_event_is_refused_with_the_reason(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(line)


def test_blanks_after_an_event_are_no_matter() -> None:
    assert decode(WHOLE + "\r") == decode(WHOLE)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.parent.name)
def test_each_line_that_earlier_versions_wrote_is_understood_and_would_be_written_the_same(path: Path) -> None:
    for line in path.read_text().splitlines():
        entry = decode(line)
        assert not isinstance(entry.event, Unknown) and not entry.more, line
        assert encode(entry) == line


def test_every_kind_of_event_is_written_and_read_back() -> None:
    steps = (events.PlannedStep("scan", "Scan", "discover", 1.5),)
    disk = {"bmc": "172.22.1.21", "serial": "SN1", "disk": "/dev/sda"}
    told = (
        events.RunStarted(7, steps), events.RunEnded("done"), events.StepChecked("done", {"found": 3}),
        events.StepChecked("todo", why="none"), events.StepChecked("blocked", why="no consent", hint="type it"),
        events.StepStarted("none"), events.StepDone(2.5, {"found": 3}), events.StepFailed("no power", "m3", "fuse", "look"),
        events.StepFailed("no power"), Log("x"), Log("x", "m1"), Progress(1, 2, "B"), events.NodeReached("m1", "boot"),
        events.NodeReached("m1", "write", "golden", 41.5), Fact("gap", None), Fact("gap", [1, {"a": "b"}]),
        events.ResourceStatus("node/server", "OS::Nova::Server", "CREATE_FAILED", "no host"),
        events.PhaseReached("FENCE", "undone", "why"), events.Confirmed((disk,)), Unknown("weather", {"sky": "grey"}),
    )  # fmt: skip
    for event in told:
        entry = Entry(3, datetime(2026, 11, 1, tzinfo=UTC), "demo", "r1", event, "scan")
        assert decode(encode(entry)) == entry


def test_what_another_version_adds_is_kept_and_written_again() -> None:
    line = WHOLE.replace('"message":"x"', '"message":"x","mood":{"good":1},"node":5')
    entry = decode(line)
    assert (entry.event, entry.more) == (Log("x"), {"mood": {"good": 1}, "node": 5})
    assert encode(entry) == line
    later = decode(WHOLE.replace('"event":"log"', '"event":"weather"'))
    assert later.event == Unknown("weather", {"message": "x"})
    assert json.loads(encode(later))["event"] == "weather"


def test_a_stage_is_read_by_its_new_name_as_well() -> None:
    steps = [
        {"name": "a", "title": "A", "stage": "seed"},
        {"name": "b", "title": "B", "stretch": "deploy"},
        {"title": "no name"},
    ]
    line = json.dumps({**json.loads(WHOLE), "event": "run-started", "pid": 1, "steps": steps})
    event = decode(line).event
    assert isinstance(event, events.RunStarted)
    assert [(step.name, step.stage) for step in event.steps] == [("a", "seed"), ("b", "deploy")]
