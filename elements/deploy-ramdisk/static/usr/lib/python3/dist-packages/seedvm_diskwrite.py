"""How an image gets from the wire to the disk: the hash is reckoned and the disk is written beside the next read.

ironic-python-agent does the three one after the other in one thread, through the page cache; its patch in this element lets it use
the two classes here. Both are at most one piece behind, and neither loses an error: a digest is given, and `flush` returns, when
all that was handed over has been done.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

PIECE_BYTES = 4 << 20
ALIGNED_BYTES = 4096  # no disk has a larger logical block


class Behind:
    """One call at a time in a thread of its own; the caller waits for the one before."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._last: Future[object] | None = None

    def begin(self, *args: object) -> None:
        self.wait()
        self._last = self._thread.submit(self._call, *args)

    def wait(self) -> None:
        """Returns when nothing is under way; raises what the last call raised, once."""
        last, self._last = self._last, None
        if last is not None:
            last.result()


class Digest:
    """A hashlib object that is fed beside whoever feeds it."""

    def __init__(self, digest: Any) -> None:
        self.name: str = digest.name
        self._digest = digest
        self._behind = Behind(digest.update)

    def update(self, chunk: bytes) -> None:
        self._behind.begin(chunk)

    def hexdigest(self) -> str:
        self._behind.wait()
        return str(self._digest.hexdigest())


class Disk:
    """A disk that is written from its beginning, past the page cache: two gigabytes of it cost more than the disk does."""

    def __init__(self, device: str) -> None:
        self._file = os.open(device, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        self._fills, self._leaves = mmap.mmap(-1, PIECE_BYTES), mmap.mmap(-1, PIECE_BYTES)
        self._filled = 0
        self._behind = Behind(self._put)

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(
            OSError
        ):  # after flush nothing is under way, and without it another error is on its way
            self._behind.wait()
        os.close(self._file)

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            part = rest[: PIECE_BYTES - self._filled]
            self._fills[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            rest = rest[len(part) :]
            if self._filled == PIECE_BYTES:
                self._hand_over()

    def flush(self) -> None:
        """To be called once, at the end: OSError unless the disk has everything, also from its own cache."""
        self._hand_over()
        self._behind.wait()
        os.fsync(self._file)

    def _hand_over(self) -> None:
        self._behind.begin(self._fills, self._filled)
        self._fills, self._leaves = self._leaves, self._fills
        self._filled = 0

    def _put(self, piece: mmap.mmap, size: int) -> None:
        even = size - size % ALIGNED_BYTES
        with memoryview(piece) as whole:
            _all(self._file, whole[:even])
            if even < size:  # the image's odd end
                flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
                fcntl.fcntl(self._file, fcntl.F_SETFL, flags & ~os.O_DIRECT)
                _all(self._file, whole[even:size])


def _all(file: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(file, rest) :]
