"""Where a machine stands, as it is typed and as site.yaml keeps it. Pure: text in, text out; what is said otherwise stays."""

from __future__ import annotations

import re
from typing import Any

from seedvm.base.errors import SeedvmError

_TYPED = re.compile(
    r"(?:(?P<rack>.*?\S)[\s-]+)??u?(?P<low>[0-9]{1,2})(?:\s*-\s*u?(?P<high>[0-9]{1,2}))?", re.IGNORECASE
)


def place_of(typed: str) -> dict[str, Any]:
    """`A1 21`, `A1-U21`, `U21` or `A1 21-22` as the keys of site.yaml; nothing for nothing. Raises SeedvmError for what is none."""
    text = typed.strip()
    if not text:
        return {}
    found = _TYPED.fullmatch(text)
    low, high = (int(found["low"]), int(found["high"] or found["low"])) if found else (0, 0)
    if found is None or not 0 < low <= high:
        raise SeedvmError(
            "Not saved", why=f"'{text[:40]}' is not a rack and unit", hint="type it like A1 21, or A1 21-22"
        )
    rack = re.sub(r"(?i)^rack\s+", "", found["rack"] or "")
    return ({"rack": rack} if rack else {}) | {"u": low} | ({"height": high - low + 1} if high > low else {})


def placed(entry: dict[str, Any], typed: str) -> dict[str, Any]:
    """A machine of site.yaml, standing there."""
    kept = {key: value for key, value in entry.items() if key not in ("rack", "u", "height")}
    return kept | place_of(typed)
