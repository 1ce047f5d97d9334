"""`member images`: the image files of this member's Glance, hashed.

A file is hashed once, and again only when its inode, size or time has changed. It refuses what is not named by an image id, so a
file that is still on its way is not counted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode, encode

STORE = Path("/var/lib/glance/images")
_KNOWN = Path("/var/lib/seedvm/images.json")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class ImagesRequest:
    """Where the files are, and where to remember their hashes."""

    store: str = str(STORE)
    known: str = str(_KNOWN)


@dataclass(frozen=True)
class StoredImage:
    """One file: bytes, and SHA-512 in hex."""

    size: int
    sha512: str


@dataclass(frozen=True)
class _Known(StoredImage):
    """A file as it was hashed; another `mark` (inode, size, time) means another content."""

    mark: str


def images(request: ImagesRequest) -> dict[str, StoredImage]:
    """By image id: each file in the store."""
    store, known = Path(request.store), Path(request.known)
    before = _read(known)
    found = {}
    for path in sorted(store.iterdir()) if store.is_dir() else ():
        if _ID.fullmatch(path.name):
            found[path.name] = _hashed(path, before.get(path.name))
    known.parent.mkdir(parents=True, exist_ok=True)
    write_private(known, json.dumps(encode(found)))
    return {name: StoredImage(item.size, item.sha512) for name, item in found.items()}


def _hashed(path: Path, before: _Known | None) -> _Known:
    stat = path.stat()
    mark = f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"
    if before is not None and before.mark == mark:
        return before
    with path.open("rb") as file:
        sha512 = hashlib.file_digest(file, "sha512").hexdigest()
    return _Known(size=stat.st_size, sha512=sha512, mark=mark)


def _read(path: Path) -> Mapping[str, _Known]:
    """What was hashed before; nothing where that is not readable, for then all is hashed again."""
    try:
        return decode(dict[str, _Known], json.loads(path.read_text()), str(path))
    except (FileNotFoundError, ValueError, SeedvmError):
        return {}
