"""`member note`, `notes`, `keep`, `kept`: the member's own record of the hand-off, and what the seed leaves with it.

All of it lives in /var/lib/seedvm, files 0600. It refuses names that lead out of that folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private

FOLDER = Path("/var/lib/seedvm")
_RECORD = "handoff.jsonl"


def note(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add one line to the member's record and bring it to the disk. Request: event (an object); optional folder."""
    folder = _folder(request)
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **request["event"]}
    descriptor = os.open(folder / _RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def notes(request: Mapping[str, Any]) -> list[Any]:
    """The member's record, oldest first. Request: optional folder."""
    path = _folder(request) / _RECORD
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []


def keep(request: Mapping[str, Any]) -> dict[str, str]:
    """Store files whole. Request: files {name: text}; optional folder. Answer: name -> SHA-256."""
    folder = _folder(request)
    for name, text in request["files"].items():
        if Path(name).name != name or name.startswith("."):
            raise SeedvmError(f"{name!r} is not a plain file name")
        write_private(folder / name, text)
    return kept({**request, "names": list(request["files"])})


def kept(request: Mapping[str, Any]) -> dict[str, str]:
    """Name -> SHA-256 of each named file that is there and is not empty. Request: names; optional folder."""
    folder = _folder(request)
    found = {name: (folder / name).read_bytes() for name in request["names"] if (folder / name).is_file()}
    return {name: hashlib.sha256(text).hexdigest() for name, text in found.items() if text}


def _folder(request: Mapping[str, Any]) -> Path:
    folder = Path(request.get("folder", FOLDER))
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder
