"""The journal: an append-only record of what happened, one JSON object a line, each line on the disk before `append` returns.

It is never read to decide what to do next, only to show it. Every reader tolerates a line torn by a kill. It refuses Secrets.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seedvm.base.secret import Secret

_JSON = json.JSONDecoder()


@dataclass(frozen=True)
class Event:
    """One line. `fields` holds what the event's kind adds; docs/architecture.md lists the kinds."""

    seq: int
    time: datetime
    site: str
    run: str
    event: str
    step: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)


class Journal:
    """The writing end; one per site at a time, which the engine's lock sees to. Safe to use from several threads."""

    def __init__(self, path: Path, site: str, run: str, on_event: Callable[[Event], None] | None = None) -> None:
        self._site = site
        self._run = run
        self._on_event = on_event
        self._lock = threading.Lock()
        events, _ = tail(path, 0)
        self._seq = max((event.seq for event in events), default=0)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._mend()

    def append(self, event: str, *, step: str | None = None, **more: Any) -> Event:
        """Write one event. Raises TypeError when a field is a Secret or no JSON."""
        with self._lock:
            made = Event(self._seq + 1, datetime.now(UTC), self._site, self._run, event, step, more)
            line = encode(made)
            os.write(self._descriptor, line.encode() + b"\n")
            os.fsync(self._descriptor)
            self._seq += 1
        if self._on_event is not None:
            self._on_event(made)
        return made

    def close(self) -> None:
        os.close(self._descriptor)

    def _mend(self) -> None:
        # A torn last line gets its newline: readers skip it, and the next event has a line of its own.
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")


def encode(event: Event) -> str:
    """The line of an event, without its newline."""
    head: dict[str, Any] = {
        "seq": event.seq,
        "time": event.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "site": event.site,
        "run": event.run,
        "event": event.event,
    }
    if event.step is not None:
        head["step"] = event.step
    clash = set(event.fields) & (set(head) | {"step"})
    if clash:
        raise TypeError(f"{event.event}: fields with a reserved name: {', '.join(sorted(clash))}")
    return json.dumps({**head, **event.fields}, ensure_ascii=False, separators=(",", ":"), default=_refuse)


def decode(line: str) -> Event | None:
    """The event of a line, or None when the line is torn or not ours."""
    try:
        tree, end = _JSON.raw_decode(line)  # half the time of json.loads, which looks for blanks before and after
        if line[end:].strip():
            return None
        seq, when = int(tree.pop("seq")), datetime.fromisoformat(tree.pop("time"))
        site, run, event = tree.pop("site"), tree.pop("run"), tree.pop("event")
        return Event(seq, when, site, run, event, tree.pop("step", None), tree)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read(path: Path) -> tuple[Event, ...]:
    """Every event there is; none when there is no journal yet."""
    return tail(path, 0)[0]


def tail(path: Path, from_offset: int, limit: int = -1) -> tuple[tuple[Event, ...], int]:
    """The events since a byte offset and the offset to ask for next time. A journal shorter than the offset is read anew.

    With a `limit` it reads about so many bytes; whoever reads a long journal reads again until nothing comes.
    """
    try:
        with path.open("rb") as file:
            file.seek(from_offset if from_offset <= os.fstat(file.fileno()).st_size else 0)
            start = file.tell()
            text = file.read(limit)
            if len(text) == limit:
                text += file.readline()
    except FileNotFoundError:
        return (), 0
    whole = text[: text.rfind(b"\n") + 1]
    events = (decode(line) for line in whole.decode(errors="replace").split("\n") if line)
    return tuple(event for event in events if event is not None), start + len(whole)


def _refuse(value: object) -> object:
    if isinstance(value, Secret):
        raise TypeError("a Secret is not journalled")
    raise TypeError(f"{type(value).__name__} is no JSON")
