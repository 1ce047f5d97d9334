"""`member images`: the image files of this member's Glance, hashed.

A file is hashed once, and again only when its inode, size or time has changed. It refuses what is not named by an image id, so a
file that is still on its way is not counted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seedvm.base.files import write_private

STORE = Path("/var/lib/glance/images")
_KNOWN = Path("/var/lib/seedvm/images.json")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def images(request: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Image id -> {size, sha512} of each file in the store. Request: optional store, known (paths)."""
    store, known = Path(request.get("store", STORE)), Path(request.get("known", _KNOWN))
    before = _read(known)
    found = {}
    for path in sorted(store.iterdir()) if store.is_dir() else ():
        if _ID.fullmatch(path.name):
            found[path.name] = _hashed(path, before.get(path.name))
    known.parent.mkdir(parents=True, exist_ok=True)
    write_private(known, json.dumps(found))
    return {name: {"size": item["size"], "sha512": item["sha512"]} for name, item in found.items()}


def _hashed(path: Path, before: Mapping[str, Any] | None) -> dict[str, Any]:
    stat = path.stat()
    mark = f"{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"
    if before and before.get("mark") == mark:
        return dict(before)
    with path.open("rb") as file:
        sha512 = hashlib.file_digest(file, "sha512").hexdigest()
    return {"mark": mark, "size": stat.st_size, "sha512": sha512}


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
