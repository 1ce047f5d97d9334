"""A few lines of spans that are always whole: the frame above a page. As high as it has lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from seedvm.base.rows import Line
from tui.widgets.paint import Painter

Maker = Callable[[int], Sequence[Line]]


class Banner(Painter, can_focus=False):
    """Lines made for the width at hand."""

    class Pressed(Message):
        """A click on a line, counted from 0."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._maker: Maker = lambda _width: ()
        self._lines: Sequence[Line] = ()
        self._width = 0

    def fill(self, maker: Maker) -> None:
        """Show what this makes; lines that are as before are not painted again."""
        self._maker = maker
        self._make(self.size.width or self.screen.size.width)

    def _make(self, width: int) -> None:
        before, self._width = self._lines, width
        self._lines = [tuple(line) for line in self._maker(width)]
        if len(before) != len(self._lines):
            self.styles.height = len(self._lines)
            self.refresh(layout=True)
        elif changed := [y for y, line in enumerate(self._lines) if line != before[y]]:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row per line."""
        return len(self._lines)

    def on_resize(self, event: events.Resize) -> None:
        """Another width, other lines."""
        if event.size.width != self._width:
            self._make(event.size.width)

    def render_line(self, y: int) -> Strip:
        """One line."""
        if self.size.width != self._width:
            self._width, self._lines = self.size.width, [tuple(line) for line in self._maker(self.size.width)]
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(self.size.width, base)
        return Strip(self.painted(self._lines[y], base)).adjust_cell_length(self.size.width, base)

    def on_click(self, event: events.Click) -> None:
        """Say which line."""
        self.post_message(self.Pressed(event.y))
