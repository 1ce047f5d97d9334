"""`member note`, `notes`, `keep`, `kept`, `fetch`: the member's own record of the hand-off, and what the seed leaves with it.

All of it lives in /var/lib/seedvm, files 0600. It refuses names that lead out of that folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode, encode
from seedvm.controller import boot
from seedvm.site.receipt import MEMBERS_RECORD

FOLDER = Path("/var/lib/seedvm")


@dataclass(frozen=True)
class Line:
    """One line of a member's record: a phase of the hand-off, its state, and who says so.

    `time` (UTC, ISO 8601) is the member's own; `vip` is the name of the member that holds it, `verdict` the receipt's; `attempt` is the
    hand-off's attempt, from its QUIESCE on. `at` is the member's monotonic clock in seconds, good for comparing with other times of the
    same `boot`; zero in records of older versions.
    """

    phase: str
    state: str = ""
    by: str = ""
    time: str = ""
    vip: str | None = None
    verdict: str | None = None
    attempt: str | None = None
    at: float = 0.0
    boot: str = ""


@dataclass(frozen=True)
class NoteRequest:
    """The line to add, and files to store before it."""

    event: Line
    folder: str = str(FOLDER)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NotesRequest:
    """Whose record."""

    folder: str = str(FOLDER)


@dataclass(frozen=True)
class KeepRequest:
    """Files to store whole: plain name -> text; and names that are not kept any more."""

    files: Mapping[str, str]
    folder: str = str(FOLDER)
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeptRequest:
    """Which files to hash."""

    names: tuple[str, ...]
    folder: str = str(FOLDER)


@dataclass(frozen=True)
class FetchRequest:
    """Which files to hand out."""

    names: tuple[str, ...]
    folder: str = str(FOLDER)


def note(request: NoteRequest) -> Line:
    """Store the files, then add one line to the member's record; on the disk when it returns."""
    keep(KeepRequest(request.files, request.folder))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = replace(request.event, time=now, at=round(time.monotonic(), 3), boot=boot.booted())
    descriptor = os.open(_folder(request.folder) / MEMBERS_RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(encode(line)) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def notes(request: NotesRequest) -> tuple[Line, ...]:
    """The member's record, oldest first. A line that a power loss cut short is left out."""
    path = _folder(request.folder) / MEMBERS_RECORD
    lines = path.read_text().splitlines() if path.exists() else []
    return tuple(decode(Line, json.loads(line), str(path)) for line in lines if line.endswith("}"))


def commit_begun(lines: Sequence[Line]) -> str | None:
    """The attempt (empty where it has no name) whose COMMIT was begun and neither undone nor followed by another QUIESCE; else None."""
    attempt: str | None = None
    for line in lines:
        if line.phase == "COMMIT" and line.state == "started":
            attempt = line.attempt or ""
        elif line.state == "undone" or (line.phase == "QUIESCE" and line.state == "started"):
            attempt = None
    return attempt


def keep(request: KeepRequest) -> dict[str, str]:
    """Store files whole. Answer: name -> SHA-256."""
    folder = _folder(request.folder)
    for name, text in request.files.items():
        write_private(folder / _plain(name), text)
    for name in request.gone:
        (folder / _plain(name)).unlink(missing_ok=True)
    return kept(KeptRequest(tuple(request.files), request.folder))


def kept(request: KeptRequest) -> dict[str, str]:
    """Name -> SHA-256 of each named file that is there and is not empty."""
    folder = _folder(request.folder)
    found = {name: (folder / name).read_bytes() for name in request.names if (folder / name).is_file()}
    return {name: hashlib.sha256(text).hexdigest() for name, text in found.items() if text}


def fetch(request: FetchRequest) -> dict[str, str]:
    """Name -> text of each named file that is there."""
    folder = _folder(request.folder)
    return {name: (folder / name).read_text() for name in map(_plain, request.names) if (folder / name).is_file()}


def _plain(name: str) -> str:
    if Path(name).name != name or name.startswith("."):
        raise SeedvmError(f"{name!r} is not a plain file name")
    return name


def _folder(name: str) -> Path:
    folder = Path(name)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder
