"""Reads a file of requirements/: names, versions and the condition under which each is installed."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"


def pins(name: str, python: str | None = None) -> dict[str, str]:
    """Version by canonical name in requirements/NAME, for this Python or for `python` ("3.13") on Linux."""
    found = {}
    for line in (FOLDER / name).read_text().splitlines():
        if not re.match(r"[A-Za-z0-9]", line):
            continue
        pinned = Requirement(line.rstrip("\\ "))
        where = {"python_version": python, "python_full_version": f"{python}.0"} if python else None
        if pinned.marker is None or pinned.marker.evaluate(where):
            [exact] = pinned.specifier
            assert exact.operator == "==", line
            found[canonicalize_name(pinned.name)] = exact.version
    return found
