"""A scrolling block of styled lines: steps, machines, log, phases. Draws only what is seen, so 100,000 lines cost nothing.

Lines are made for the width that they are painted at, and made again when the width changes: a page never asks for a width,
so none can be cut for a width that the block does not have (or does not have yet). It refuses wrapping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from seedvm.base.rows import Line
from tui.widgets.paint import Painter

Maker = Callable[[int], Sequence[Line]]
"""Makes the lines for a width in cells."""


class Lines(Painter, ScrollView, can_focus=True):
    """Lines of spans; `follow` keeps the last one in view until the reader scrolls up."""

    def __init__(self, *, follow: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.follow = follow
        self._maker: Maker = lambda _width: ()
        self._lines: Sequence[Line] = ()
        self._painted: dict[int, Line] = {}  # rows are made when they are read: what an old row was, only this knows
        self._width = 0
        self._at_end = True

    def on_mount(self) -> None:
        """No scroll bar sideways: lines are cut."""
        self.show_horizontal_scrollbar = False

    def fill(self, maker: Maker) -> None:
        """Show what this makes; only rows that differ are painted again, which a serial line is thankful for."""
        self._maker = maker
        if self.scrollable_content_region.width:
            self._make()

    def _make(self) -> None:
        before, self._width = len(self._lines), self.scrollable_content_region.width
        self._lines = lines = self._maker(self._width)
        if before != len(lines):
            self._painted.clear()
            self.virtual_size = Size(self._width, len(lines))
            self._keep_end()
            self.refresh()
            return
        top, width = int(self.scroll_offset.y), self.size.width
        rows = [
            y for y in range(self.size.height) if top + y < len(lines) and self._painted.get(top + y) != lines[top + y]
        ]
        if rows:
            self.refresh(*(Region(0, y, width, 1) for y in rows))

    def _keep_end(self) -> None:
        if self.follow and self._at_end:
            self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        self.scroll_end(animate=False, force=True, immediate=True)
        self.vertical_scrollbar.position = self.scroll_y  # it misses a scroll that comes before it is shown

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up reads; whoever comes back to the end follows again."""
        super().watch_scroll_y(old_value, new_value)
        self._at_end = new_value >= self.max_scroll_y or (self._at_end and new_value > old_value)

    def on_resize(self) -> None:
        """Another width, other lines; the end stays in view."""
        if self._width != self.scrollable_content_region.width:
            self._make()
        self._keep_end()

    def show_line(self, number: int) -> None:
        """Scroll so that this line is in view."""
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if height and not top <= number < top + height:
            self.scroll_to(y=max(0, number - height // 2), animate=False, force=True)
            self.vertical_scrollbar.position = self.scroll_y

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        width = self.scrollable_content_region.width
        if (
            width != self._width
        ):  # painted before it heard of its size: what it shows is made for this width all the same
            self._width, self._lines = width, self._maker(width)
            self.call_next(self._resized)
        base = self.rich_style
        number = self.scroll_offset.y + y
        if number >= len(self._lines):
            return Strip.blank(width, base)
        line = self._painted[number] = self._lines[number]
        return Strip(self.painted(line, base)).adjust_cell_length(width, base)

    def _resized(self) -> None:
        self.virtual_size = Size(self._width, len(self._lines))
        self._keep_end()
