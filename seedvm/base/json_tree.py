"""The type of what JSON can hold, and a first step into a tree that nobody vouches for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


def subtree(tree: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object within, {} where there is none."""
    value = tree.get(name)
    return value if isinstance(value, dict) else {}
