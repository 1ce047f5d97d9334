"""The first of what is searched for. It refuses to end in StopIteration, which a coroutine turns into a RuntimeError without words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from seedvm.base.errors import SeedvmError

T = TypeVar("T")


def first(found: Iterable[T], what: str, *, machine: str | None = None, why: str = "", hint: str = "") -> T:
    """The first of `found`; where there is none, a SeedvmError with these words."""
    for one in found:
        return one
    raise SeedvmError(what, machine=machine, why=why, hint=hint)
