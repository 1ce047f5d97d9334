"""The journal survives a kill in the middle of a line, can be followed, and takes no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.engine.journal import Event, Journal, decode, encode, read, tail


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    journal.append("log", step="scan", message="hello", node="m1")
    journal.append("progress", step="scan", done=1, total=2, unit="MiB")
    journal.close()
    first, second = read(path)
    assert (first.seq, first.site, first.run, first.step, first.get("message")) == (1, "demo", "r1", "scan", "hello")
    assert (second.seq, second.get("total"), second.get("absent", 5)) == (2, 2, 5)
    line = json.loads(path.read_text().splitlines()[0])
    assert line["time"].endswith("Z")
    assert set(line) == {"seq", "time", "site", "run", "event", "step", "message", "node"}


def test_a_torn_last_line_is_passed_over_and_the_next_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    journal.append("log", message="whole")
    journal.close()
    with path.open("a") as file:
        file.write('{"seq":2,"time":"2026-11-')
    assert len(read(path)) == 1
    journal = Journal(path, "demo", "r2")
    journal.append("log", message="after")
    journal.close()
    assert [(event.seq, event.run, event.get("message")) for event in read(path)] == [
        (1, "r1", "whole"),
        (2, "r2", "after"),
    ]


def test_a_follower_gets_each_event_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert tail(path, 0) == ((), 0)
    journal = Journal(path, "demo", "r1")
    journal.append("log", message="ä")
    events, offset = tail(path, 0)
    assert [event.get("message") for event in events] == ["ä"]
    with path.open("a") as file:
        file.write('{"torn')
    assert tail(path, offset) == ((), offset)
    Journal(path, "demo", "r2").append("log", message="b")
    events, offset = tail(path, offset)
    assert [event.get("message") for event in events] == ["b"]
    assert offset == path.stat().st_size
    path.write_text("")
    assert tail(path, offset) == ((), 0)


def test_a_secret_is_refused_wherever_it_hides(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "demo", "r1")
    for field in (Secret("swordfish"), [Secret("swordfish")], {"deep": {"er": Secret("swordfish")}}, Path("/x")):
        with pytest.raises(TypeError):
            journal.append("log", message=field)
    journal.append("log", message="still here")
    assert [event.get("message") for event in read(path)] == ["still here"]
    assert "swordfish" not in path.read_text()


def test_a_field_does_not_pose_as_the_head(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Journal(tmp_path / "journal.jsonl", "demo", "r1").append("log", site="other")


def test_a_listener_hears_what_was_written(tmp_path: Path) -> None:
    heard: list[Event] = []
    Journal(tmp_path / "journal.jsonl", "demo", "r1", heard.append).append("log", message="x")
    assert [event.get("message") for event in heard] == ["x"]
    assert decode(encode(heard[0])) == heard[0].__class__(
        **{**vars(heard[0]), "time": heard[0].time.replace(microsecond=heard[0].time.microsecond // 1000 * 1000)}
    )


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '"x"', '{"seq": "a"}', "\x00"])
def test_a_line_that_is_no_event_is_none(line: str) -> None:
    assert decode(line) is None


def test_a_line_with_something_after_its_event_is_passed_over() -> None:
    whole = '{"seq":1,"time":"2026-11-01T00:00:00Z","site":"demo","run":"r1","event":"log"}'
    event = decode(whole + "\r")
    assert event is not None
    assert (event.seq, event.event) == (1, "log")
    assert decode(whole + whole) is None
    assert decode(whole + " x") is None
