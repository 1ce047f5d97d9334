"""Locks on files: who waits, who is turned away, and that no dead process holds one."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.file_lock import holder, locked, try_lock

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from seedvm.base.file_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_free_again_after_its_block_however_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    with pytest.raises(ValueError, match="in the block"), locked(path):
        assert holder(path) == os.getpid()
        assert try_lock(path) is None
        raise ValueError("in the block")
    assert holder(path) is None
    descriptor = try_lock(path)
    assert descriptor is not None and holder(path) == os.getpid()
    os.close(descriptor)
    assert holder(path) is None and path.stat().st_mode & 0o777 == 0o600


def test_a_busy_lock_names_its_process_and_is_free_when_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other(path) as child:
        assert holder(path) == child.pid
        assert try_lock(path) is None
        waited: list[str] = []
        done = threading.Event()

        def wait() -> None:
            with locked(path, lambda: waited.append("busy")):
                done.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not waited:
            waiting.join(0.01)
        assert not done.is_set() and holder(path) == child.pid  # and not the one that waits
        os.kill(child.pid, signal.SIGKILL)
        waiting.join(60)
        assert done.is_set() and waited == ["busy"]


def test_a_child_that_inherits_the_descriptor_holds_the_lock_on(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    descriptor = try_lock(path)
    assert descriptor is not None
    child = process.spawn(["sleep", "600"], pass_fds=[descriptor])
    other_child = process.spawn(["sleep", "600"])  # inherits nothing
    os.close(descriptor)
    assert try_lock(path) is None
    process.stop(child)
    descriptor = try_lock(path)
    assert descriptor is not None
    os.close(descriptor)
    process.stop(other_child)


@contextlib.contextmanager
def other(path: Path) -> Iterator[process.Child]:
    child = process.spawn(process.Command([sys.executable, "-c", HOLDER, path], cwd=ROOT), stdout=process.PIPE)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"held\n"
        yield child
    finally:
        child.stdout.close()
        process.stop(child)
