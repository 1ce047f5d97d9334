"""One process at a time, by a lock on a file, which the kernel frees when the process dies, however it dies; one engine a state folder.

Whoever only wants to know asks the kernel's list of locks: a look that took the lock, be it for a moment, could turn away an engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from seedvm.base.errors import SeedvmError

LOCK_FILE = "engine.lock"
_LOCKS = Path("/proc/locks")


class EngineBusy(SeedvmError):
    """Another engine holds the state folder."""


@contextlib.contextmanager
def engine_lock(state_dir: Path) -> Iterator[None]:
    """Be the only engine of a state folder. The kernel frees the lock when the process dies, however it dies."""
    descriptor = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            raise EngineBusy(
                "another engine works on this site",
                why=f"PID {holder} holds {state_dir / LOCK_FILE}",
                hint="seedvm status shows where it stands",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def engine_pid(state_dir: Path) -> int | None:
    """The PID of the engine that works right now, or None. Takes no lock and writes nothing."""
    return holder(state_dir / LOCK_FILE)


def holder(file: Path) -> int | None:
    """The PID of the process that has locked a file for itself alone (flock(2)), or None."""
    try:
        status, locks = file.stat(), _LOCKS.read_text()
    except OSError:
        return None
    return next((pid for line in locks.splitlines() if (pid := _pid(line.split(), status)) is not None), None)


def _pid(words: list[str], status: os.stat_result) -> int | None:
    # `1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF`; waiting locks have an arrow. Overlay and btrfs show another device
    # (major 0) in stat than here, so that there the inode alone must tell.
    if len(words) < 6 or words[1] != "FLOCK" or words[3] != "WRITE":
        return None
    major, minor, inode = words[5].split(":")
    same = (int(major, 16), int(minor, 16)) == (os.major(status.st_dev), os.minor(status.st_dev))
    return int(words[4]) if int(inode) == status.st_ino and (same or os.major(status.st_dev) == 0) else None
