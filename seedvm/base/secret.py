"""A secret value: it hides itself in text, and is opened only where it is used. What must show none is struck out here too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

STRUCK = "****"
SHORT = 6
"""A secret of fewer characters is struck out as a word only: "abc" is part of too many others."""

_LEAST = 4  # what is shorter would strike half of a trace out
_known: set[str] = set()  # what to strike out of a trace; a process that holds a Secret has its text in memory anyway


class Secret:
    """A string that shows itself only to `reveal`. It does not pickle, format or compare into the open."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _known.update(needle for needle in _needles(value) if len(needle) >= _LEAST)

    def reveal(self) -> str:
        """The string itself: for a protocol's bytes, a 0600 file or a child's stdin; never for a log."""
        return self._value

    def __repr__(self) -> str:
        return STRUCK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return STRUCK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


def strike(text: str, secrets: Iterable[Secret]) -> str:
    """The text without any of the secrets, also without one line of a key of several."""
    return _without(text, needles(secrets))


def strike_known(text: str) -> str:
    """The text without any secret of four characters or more that this process has held."""
    return _without(text, tuple(_known))


def needles(secrets: Iterable[Secret]) -> Iterator[str]:
    """What shows a secret where it stands in a text: itself, as a string literal writes it, and the long lines of a key."""
    for secret in secrets:
        yield from _needles(secret.reveal())


def _needles(value: str) -> Iterator[str]:
    lines = (line for line in value.splitlines() if len(line) >= 20 and not line.startswith("-----"))
    for needle in (value, value.encode("unicode_escape").decode(), *lines):
        if needle.strip():
            yield needle.strip()


def _without(text: str, words: Iterable[str]) -> str:
    for word in sorted({one for one in words if one in text}, key=len, reverse=True):
        edge = r"\b" if len(word) < SHORT and word.isalnum() else ""
        text = re.sub(f"{edge}{re.escape(word)}{edge}", STRUCK, text)
    return text
