"""A small drawing of characters: words are put where they belong, in any order, and come out as lines of styled spans. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from seedvm.base.rows import Line, Span
from tui.widgets.paint import SPARK


class Canvas:
    """`width` by `height` cells; what is put outside of it is cut off."""

    def __init__(self, width: int, height: int) -> None:
        self._rows = [[(" ", "")] * width for _ in range(height)]
        self._width = width

    def put(self, x: int, y: int, text: str, style: str = "") -> int:
        """The text from this cell on; gives the column after it."""
        if 0 <= y < len(self._rows):
            for at, letter in enumerate(text, x):
                if 0 <= at < self._width:
                    self._rows[y][at] = (letter, style)
        return x + len(text)

    def middle(self, x: int, y: int, width: int, text: str, style: str = "") -> None:
        """The text in the middle of so many cells."""
        self.put(x + max(0, (width - len(text)) // 2), y, text[:width], style)

    def box(self, x: int, y: int, width: int, height: int, style: str = "") -> None:
        """A frame; what is in it stays."""
        self.put(x, y, "┌" + "─" * (width - 2) + "┐", style)
        self.put(x, y + height - 1, "└" + "─" * (width - 2) + "┘", style)
        for row in range(y + 1, y + height - 1):
            self.put(x, row, "│", style)
            self.put(x + width - 1, row, "│", style)

    @property
    def lines(self) -> list[Line]:
        """What was drawn."""
        return [_spans(row) for row in self._rows]


def _spans(row: Sequence[Span]) -> Line:
    return [("".join(letter for letter, _ in cells), style) for style, cells in groupby(row, key=lambda cell: cell[1])]


def trace(values: Sequence[float], width: int, top: float) -> Span:
    """The last values, each as high as it is to `top`."""
    levels = "▁▂▃▄▅▆▇█"
    return "".join(levels[min(7, int(value / top * 7.99))] for value in values[-width:]), f"busy {SPARK}"
