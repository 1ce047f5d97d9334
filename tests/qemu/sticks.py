"""A loop device, which stands for a stick."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from seedvm.base import process


@contextlib.contextmanager
def stick_of(file: Path) -> Iterator[Path]:
    """The device on a file; to the kernel it is a disk built into the machine."""
    device = process.run(["losetup", "--find", "--show", file], timeout=20).stdout.strip()
    try:
        yield Path(device)
    finally:
        process.run(["losetup", "--detach", device], timeout=20)
