"""What pages are made of, on the screen and in plain lines: spans, lines, and rows that are made when they are looked at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar, overload

Span: TypeAlias = tuple[str, str]
"""Text and the names of its styles, separated by spaces; whoever paints says which there are."""
Line: TypeAlias = Sequence[Span]

Item = TypeVar("Item")


class Rows(Sequence[Line], Generic[Item]):
    """Lines that are made when they are looked at: a log of thousands and a thousand machines cost what is seen of them."""

    def __init__(self, items: Sequence[Item], make: Callable[[Item], Line]) -> None:
        self._items, self._make = items, make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, number: int) -> Line: ...
    @overload
    def __getitem__(self, number: slice) -> list[Line]: ...
    def __getitem__(self, number: int | slice) -> Line | list[Line]:
        if isinstance(number, slice):
            return [self._make(item) for item in self._items[number]]
        return self._make(self._items[number])
