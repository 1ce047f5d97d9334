"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader, and whoever comes after a power cut, finds the old content or the new one, never a part.

    It is written under a hidden name beside it, brought to the disk, renamed, and the folder is brought to the disk. `mode` is the
    file's afterwards, whatever the umask is and whatever it was before. Text is UTF-8. An OSError leaves the old file as it was.
    """
    aside = path.with_name(f".{path.name}.{threading.get_native_id()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode & 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_private(path: Path, content: str | bytes) -> None:
    """`write_atomic` with mode 0600: for secrets, and for what only its owner needs."""
    write_atomic(path, content, 0o600)
