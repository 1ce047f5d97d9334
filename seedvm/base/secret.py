"""A secret value: it hides itself in text, and is opened only where it is used."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A string that shows itself only to `reveal`. It does not pickle, format or compare into the open."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The string itself: for a protocol's bytes, a 0600 file or a child's stdin; never for a log."""
        return self._value

    def __repr__(self) -> str:
        return "****"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
