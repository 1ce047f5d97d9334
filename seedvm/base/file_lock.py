"""One at a time, among tasks and processes: a lock on a file, which dies with whoever holds it. Refuses to wait."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOOK_AGAIN = 0.05  # seconds


def take(path: Path) -> int | None:
    """The descriptor that holds the lock until it is closed, None while somebody else has it. The file is made, its folder too."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
