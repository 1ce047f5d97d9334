"""What a machine's own log says: events.jsonl, one JSON object a line, whole lines only, from several processes at once.

It holds what happened to the machine as the rack saw it, and refuses nothing: it is never read to decide.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

FILE = "events.jsonl"


def note(folder: Path, event: str, **facts: object) -> None:
    """Add one event, with the time in UTC."""
    time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": time, "event": event, **facts}) + "\n"
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(folder: Path) -> Iterator[Mapping[str, object]]:
    """All events of a machine, oldest first."""
    path = folder / FILE
    if path.exists():
        yield from (json.loads(line) for line in path.read_text().splitlines())
