"""One engine a state folder, by a lock on a file which says who holds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import holder, try_lock

LOCK_FILE = "engine.lock"


class EngineBusy(SeedvmError):
    """Another engine holds the state folder."""


@contextlib.contextmanager
def engine_lock(state_dir: Path) -> Iterator[None]:
    """Be the only engine of a state folder. The kernel frees the lock when the process dies, however it dies."""
    path = state_dir / LOCK_FILE
    descriptor = try_lock(path, mode=0o644)
    if descriptor is None:
        raise EngineBusy(
            "another engine is running for this site",
            why=f"PID {path.read_text().strip() or 'unknown'} holds {path}",
            hint="wait for it to finish; seedvm status shows its progress",
        )
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def engine_pid(state_dir: Path) -> int | None:
    """The PID of the engine that works right now, or None. Takes no lock and writes nothing."""
    return holder(state_dir / LOCK_FILE)
