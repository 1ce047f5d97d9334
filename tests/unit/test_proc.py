"""Processes: a clean environment, an end in time, failures that can be pasted back, and no secret in argv."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret


def test_output_and_exit_code_are_given_back() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_failure_carries_a_command_to_paste_and_what_was_said() -> None:
    with pytest.raises(SeedvmError) as failed:
        process.run(["sh", "-c", "echo 'no such luck' >&2; exit 7"], timeout=60)
    assert failed.value.what == "sh failed"
    assert "exit code 7\nno such luck" in failed.value.why
    assert "sh -c 'echo '" in failed.value.hint


def test_a_missing_program_is_named() -> None:
    with pytest.raises(SeedvmError, match="no-such-program cannot be started"):
        process.run(["no-such-program"], timeout=60)


def test_the_environment_is_clean_and_stdin_closed() -> None:
    os.environ["SESSION_TOKEN_OF_THE_OPERATOR"] = "x"
    try:
        done = process.run(process.Command(["sh", "-c", "env; cat"], env={"MINE": "1"}), timeout=60)
    finally:
        del os.environ["SESSION_TOKEN_OF_THE_OPERATOR"]
    assert "SESSION_TOKEN_OF_THE_OPERATOR" not in done.stdout
    assert "MINE=1" in done.stdout
    assert "LC_ALL=C.UTF-8" in done.stdout


def test_secrets_travel_by_stdin_and_environment_and_never_by_argv() -> None:
    done = process.run(
        process.Command(["sh", "-c", 'printf %s "$WORD"; cat'], secret_env={"WORD": Secret("one")}),
        timeout=60,
        input="two",
    )
    assert done.stdout == "onetwo"
    with pytest.raises(TypeError):
        process.run(["echo", Secret("one")], timeout=60)  # type: ignore[list-item]


def test_what_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(SeedvmError, match=r"did not finish within 2 s"):
        process.run(["sh", "-c", f"sleep 600 & echo $! >{tmp_path}/pid; wait"], timeout=2)
    assert time.monotonic() - started < 300
    assert gone(int((tmp_path / "pid").read_text()))


async def test_the_asyncio_twin_does_the_same(tmp_path: Path) -> None:
    done = await process.arun(["cat"], timeout=60, input="hello")
    assert done.stdout == "hello"
    with pytest.raises(SeedvmError, match="exit code 4"):
        await process.arun(["sh", "-c", "exit 4"], timeout=60)
    with pytest.raises(SeedvmError, match="did not finish"):
        await process.arun(["sh", "-c", f"sleep 600 & echo $! >{tmp_path}/pid; wait"], timeout=2)
    assert gone(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_task_ends_its_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(
        process.arun(["sh", "-c", f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 60"], timeout=60)
    )
    async with asyncio.timeout(60):
        while not pid.exists():
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int(pid.read_text()))


def test_a_stream_hands_over_lines_as_they_come() -> None:
    lines: list[str] = []
    done = process.stream(["sh", "-c", "echo a; echo b >&2; printf c"], lines.append, timeout=60)
    assert lines == ["a", "b", "c"]
    assert done.stdout == "a\nb\nc"
    with pytest.raises(SeedvmError, match="exit code 9"):
        process.stream(["sh", "-c", "echo last words; exit 9"], lines.append, timeout=60)
    with pytest.raises(SeedvmError, match="did not finish within"):
        process.stream(["sleep", "60"], lines.append, timeout=0.3)


def test_a_spawned_child_logs_privately_and_stops_with_its_family(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = process.spawn(["sh", "-c", "echo up; sleep 60 & echo $!; wait"], log=log)
    deadline = time.monotonic() + 60
    while log.read_text().count("\n") < 2:
        assert time.monotonic() < deadline
    assert log.stat().st_mode & 0o777 == 0o600
    assert process.stop(child) != 0
    assert gone(int(log.read_text().split()[1]))
    assert process.stop(child) != 0


def test_a_command_reads_as_a_shell_takes_it() -> None:
    assert (
        process.pasteable(process.Command(["echo", "a b", Path("/c")], netns="blue"))
        == "ip netns exec blue echo 'a b' /c"
    )


def test_a_command_says_where_it_runs_and_each_call_how_long(tmp_path: Path) -> None:
    command = process.Command(
        ["sh", "-c", 'pwd; echo "$MINE$HIDDEN"'], {"MINE": "1"}, tmp_path, None, {"HIDDEN": Secret("2")}
    )
    wanted = f"{tmp_path}\n12\n"
    lines: list[str] = []
    assert process.run(command, timeout=60).stdout == wanted
    assert process.stream(command, lines.append, timeout=60).stdout == wanted.strip()
    child = process.spawn(command, log=tmp_path / "log")
    assert child.wait(60) == 0
    assert (tmp_path / "log").read_text() == wanted
    assert "Secret" not in process.pasteable(command)
    assert "hidden" not in repr(process.Command(["true"], secret_env={"HIDDEN": Secret("hidden")}))


def test_what_fails_while_a_stream_is_read_ends_the_process(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise FileNotFoundError(line)

    with pytest.raises(FileNotFoundError, match=r"\d+"):
        process.stream(["sh", "-c", f"echo $$ >{tmp_path}/pid; cat {tmp_path}/pid; exec sleep 600"], refuse, timeout=60)
    assert gone(int((tmp_path / "pid").read_text()))


def gone(pid: int) -> bool:
    """Is the process dead (or dead and not yet collected by its new parent) soon?"""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
    return False


def test_a_command_on_the_terminal_that_is_stopped_goes_on() -> None:
    assert process.interactive(["sh", "-c", "kill -STOP $$; exit 7"]) == 7
    with pytest.raises(SeedvmError, match="cannot be started"):
        process.interactive(["/no/such/command"])
