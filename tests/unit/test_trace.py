"""The trace: every process, command and error in one private file of bounded size, and no secret in it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process, trace
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cli import main
from seedvm.engine.journal import Journal
from seedvm.engine.run import run
from seedvm.engine.step import Report, Step, Todo

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The lines so far of a trace that this test's process writes."""
    path = tmp_path / "trace.jsonl"
    monkeypatch.setenv(trace.VARIABLE, str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_a_process_has_argv_milliseconds_and_exit_code(lines: Lines) -> None:
    process.run(["sh", "-c", "exit 3"], timeout=60, check=False)
    asyncio.run(process.arun(["true"], timeout=60))
    process.stream(["echo", "line"], lambda line: None, timeout=60)
    assert [(one["argv"], one["result"]) for one in lines()] == [
        (["sh", "-c", "exit 3"], 3),
        (["true"], 0),
        (["echo", "line"], 0),
    ]
    assert all(one["kind"] == "process" and 0 < one["ms"] < 60_000 for one in lines())


def test_a_process_that_stays_has_its_start_and_its_end(lines: Lines) -> None:
    child = process.spawn(["sleep", "60"])
    process.stop(child)
    started, stopped = lines()
    assert (started["argv"], started["started"]) == (["sleep", "60"], child.pid)
    assert (stopped["stopped"], stopped["result"]) == (child.pid, -15)


def test_a_process_that_is_too_slow_is_there_with_the_error(lines: Lines) -> None:
    with pytest.raises(SeedvmError):
        process.run(["sleep", "60"], timeout=0.1)
    assert "did not finish within 0.1 s" in lines()[0]["result"]


def test_processes_that_are_started_write_to_the_same_trace(lines: Lines) -> None:
    code = "from seedvm.base import process; process.run(['true'], timeout=60)"
    process.run([sys.executable, "-c", code], timeout=60)
    inner, outer = lines()
    assert inner["argv"] == ["true"] and inner["pid"] != os.getpid() == outer["pid"]


def test_an_unexpected_error_of_a_step_is_there_with_every_frame(lines: Lines, tmp_path: Path) -> None:
    class Deep(Step):
        name, title, stage, usual_seconds = "deep", "something deep", "seed", 1

        async def check(self) -> Todo:
            return Todo("to be done")

        async def apply(self, report: Report) -> None:
            self._down(9)

        def _down(self, left: int) -> None:
            if not left:
                raise KeyError("lost")
            self._down(left - 1)

    asyncio.run(run([Deep()], Journal(tmp_path / "journal.jsonl", "demo", "r1")))
    (told,) = lines()
    assert (told["kind"], told["where"], told["result"]) == ("error", "deep", "KeyError: 'lost'")
    assert all(f"in {name}" in told["traceback"] for name in ("_bring_about", "apply", "_down"))


def test_the_option_traces_the_command_into_the_state_folder(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trace.VARIABLE, "")
    assert main(["status", "--trace", "--state-dir", str(state_dir)]) == 1
    begun, failed = [json.loads(line) for line in (state_dir / "trace.jsonl").read_text().splitlines()]
    assert begun["kind"] == "command" and begun["argv"][:2] == ["seedvm", "status"]
    assert failed["kind"] == "error" and "no deployment has been run yet" in failed["result"]
    assert os.environ[trace.VARIABLE] == str(state_dir / "trace.jsonl")


def test_a_trace_that_cannot_be_written_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(trace.VARIABLE, str(tmp_path / "file" / "trace.jsonl"))
    assert main(["status", "--state-dir", str(tmp_path)]) == 1
    assert "the trace cannot be written" in capsys.readouterr().err


def test_a_trace_that_cannot_be_written_later_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trace.VARIABLE, str(tmp_path / "gone" / "trace.jsonl"))
    assert process.run(["echo", "fine"], timeout=60).stdout == "fine\n"


def test_it_is_private_and_two_files_are_kept_of_bounded_size(lines: Lines, tmp_path: Path) -> None:
    path, before = tmp_path / "trace.jsonl", tmp_path / "trace.jsonl.1"
    path.touch(0o644)
    word = "x" * (trace.MOST_BYTES // 4)
    for number in range(11):
        trace.record("process", argv=[word, str(number)])
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, before)] == [0o600, 0o600]
    assert before.stat().st_size <= trace.MOST_BYTES * 5 // 4 and path.stat().st_size <= trace.MOST_BYTES
    numbers = [json.loads(line)["argv"][1] for one in (before, path) for line in one.read_text().splitlines()]
    assert numbers == ["4", "5", "6", "7", "8", "9", "10"]


def test_many_processes_write_whole_lines(lines: Lines) -> None:
    code = "from seedvm.base import trace\nfor number in range(200): trace.record('process', argv=['x' * 5000, str(number)])"

    async def together() -> None:
        await asyncio.gather(*(process.arun([sys.executable, "-c", code], timeout=60) for _ in range(4)))

    asyncio.run(together())
    assert len(lines()) == 4 * 200 + 4


def test_no_secret_is_in_it(lines: Lines, tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nMHcCAQEEIBx8Zk1mZ3VlZ29vZGtleQ\nAoGCCqGSM49AwEHoUQDQgAE\n-----END KEY-----\n"
    held = [Secret("Tr0ub4dor&3"), Secret('quote"and\\slash'), Secret(key), Secret("4b9d")]
    for secret in held:
        process.run(["true", f"--leaked={secret.reveal()}"], timeout=60)
        with pytest.raises(SeedvmError):
            process.run(["false", "in the error", secret.reveal()], timeout=60)
        try:
            raise ValueError(f"refused {secret.reveal()}") from KeyError(secret.reveal())
        except ValueError as error:
            trace.error(error, "a test")
    process.run(process.Command(["true"], secret_env={"PASSWORD": held[0]}), timeout=60, input=held[0].reveal())
    written = (tmp_path / "trace.jsonl").read_text()
    for secret in held:
        for line in secret.reveal().splitlines():
            assert line.startswith("-----") or json.dumps(line)[1:-1] not in written
    assert written.count("****") >= 12
