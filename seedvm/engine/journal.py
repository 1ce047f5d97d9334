"""The journal: an append-only record of what happened, one JSON object a line, each line on the disk before `append` returns.

It is never read to decide what to do next, only to show it. Every reader passes over a line that is damaged, one torn by a kill for
instance, and names it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seedvm.engine.codec import decode, encode
from seedvm.engine.events import Entry, Event

JOURNAL = "journal.jsonl"


class Journal:
    """The writing end; one per site at a time, which the engine's lock sees to. Safe to use from several threads."""

    def __init__(self, path: Path, site: str, run: str, on_entry: Callable[[Entry], None] | None = None) -> None:
        self._site = site
        self._run = run
        self._on_entry = on_entry
        self._lock = threading.Lock()
        self._seq = max((entry.seq for entry in read(path)), default=0)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._end_torn_line()

    def append(self, event: Event, *, step: str | None = None) -> Entry:
        """Write one event. Raises TypeError when a field is a Secret or no JSON."""
        with self._lock:
            made = Entry(self._seq + 1, datetime.now(UTC), self._site, self._run, event, step)
            line = encode(made)
            os.write(self._descriptor, line.encode() + b"\n")
            os.fsync(self._descriptor)
            self._seq += 1
        if self._on_entry is not None:
            self._on_entry(made)
        return made

    def close(self) -> None:
        os.close(self._descriptor)

    def _end_torn_line(self) -> None:
        # A torn last line gets its newline: readers skip it, and the next event has a line of its own.
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")


@dataclass(frozen=True)
class Damaged:
    """A line that is no event, by its number from 1, and why it is none."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line} of the journal is damaged and was skipped: {self.why}"


@dataclass(frozen=True)
class Batch:
    """What a journal holds since it was read last; `from_start` says that it is another journal, which was read from its start."""

    entries: tuple[Entry, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    from_start: bool = False

    @property
    def empty(self) -> bool:
        """Nothing new: whoever reads in pieces has read all there is."""
        return not (self.entries or self.damaged or self.from_start)


class Tail:
    """Reads a journal as it grows. A journal that was replaced by another or a shorter one is read from its start.

    With a `limit` it reads about so many bytes at a time; read again until nothing comes. A line without its end is left for later.
    """

    def __init__(self, path: Path, limit: int = -1) -> None:
        self._path, self._limit = path, limit
        self._offset = self._inode = self._lines = 0

    def read(self) -> Batch:
        """What has come since the last call."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                from_start = self._offset > 0 and (status.st_ino != self._inode or status.st_size < self._offset)
                self._inode = status.st_ino
                if from_start:
                    self._offset = self._lines = 0
                if status.st_size == self._offset:
                    return Batch(from_start=from_start)
                file.seek(self._offset)
                text = file.read(self._limit)
                if len(text) == self._limit:
                    text += file.readline()
        except FileNotFoundError:
            from_start, self._offset, self._lines = self._offset > 0, 0, 0
            return Batch(from_start=from_start)
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return self._decoded(whole.decode(errors="replace").split("\n")[:-1], from_start)

    def _decoded(self, lines: list[str], from_start: bool) -> Batch:
        entries: list[Entry] = []
        damaged: list[Damaged] = []
        for number, line in enumerate(lines, self._lines + 1):
            try:
                if line:
                    entries.append(decode(line))
            except (ValueError, RecursionError) as error:
                damaged.append(Damaged(number, str(error)))
        self._lines += len(lines)
        return Batch(tuple(entries), tuple(damaged), from_start)


def read(path: Path) -> tuple[Entry, ...]:
    """Every event there is; none when there is no journal yet."""
    return Tail(path).read().entries
