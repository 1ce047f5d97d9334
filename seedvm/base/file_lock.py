"""One at a time, among tasks and processes: a lock on a file (flock(2)), which the kernel frees when the process that holds it dies,
however it dies. The file is made where it is not there, and it stays.

`locked` waits, `try_lock` does not, and `holder` only looks: a look that took the lock, be it for a moment, could turn somebody away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK_AGAIN = 0.05  # seconds, for a task that may not block its event loop in `locked`
_LOCKS = Path("/proc/locks")


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock while the block runs. `on_wait` is called once, where somebody else has it, before the wait begins."""
    descriptor = _open(path, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path, mode: int = 0o600) -> int | None:
    """The descriptor that holds the lock until it is closed (in every process that has inherited it by fork); None while somebody else
    has it. `mode` is for a file that is not there yet."""
    descriptor = _open(path, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def holder(path: Path) -> int | None:
    """The PID of the process that holds the lock, by the kernel's own list; None where nobody does. Takes no lock, writes nothing."""
    try:
        status, locks = path.stat(), _LOCKS.read_text()
    except OSError:
        return None
    return next((pid for line in locks.splitlines() if (pid := _pid(line.split(), status)) is not None), None)


def _open(path: Path, mode: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)


def _pid(words: list[str], status: os.stat_result) -> int | None:
    # `1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF`; waiting locks have an arrow. Overlay and btrfs show another device
    # (major 0) in stat than here, so that there the inode alone must tell.
    if len(words) < 6 or words[1] != "FLOCK" or words[3] != "WRITE":
        return None
    major, minor, inode = words[5].split(":")
    same = (int(major, 16), int(minor, 16)) == (os.major(status.st_dev), os.minor(status.st_dev))
    return int(words[4]) if int(inode) == status.st_ino and (same or os.major(status.st_dev) == 0) else None
