"""A table with a marked row: lines that have a key each. A thousand rows cost no more than those that are seen.

The mark stays on its key when rows come, go or change places. It refuses to know what a row means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.widgets.lines import Lines, Maker

_REVERSED = Style(reverse=True)


class Table(Lines):
    """Rows by key; `marked` is the key of the marked row, empty where there is none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--marked"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter on a row, or a click on the marked one."""

        key: str

    class Moved(Message):
        """Another row is marked."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._keys: Sequence[str] = ()
        self._marked = 0

    @property
    def marked(self) -> str:
        """The marked row's key."""
        return self._keys[self._marked] if self._marked < len(self._keys) else ""

    def set_rows(self, keys: Sequence[str], maker: Maker) -> None:
        """Rows: a key and a line each, in the same order."""
        marked = self.marked
        self._keys = keys
        if marked != self.marked:
            where = keys.index(marked) if marked in keys else min(self._marked, max(0, len(keys) - 1))
            self._marked = where
            self.refresh()
        self.fill(maker)

    def mark(self, key: str) -> None:
        """Put the mark on this key, where it is there."""
        if key in self._keys:
            self._go(self._keys.index(key))

    def _go(self, number: int) -> None:
        old, self._marked = self._marked, max(0, min(number, len(self._keys) - 1))
        if old != self._marked:
            self.post_message(self.Moved())
        top = int(self.scroll_offset.y)
        self.refresh(*(Region(0, row - top, self.size.width, 1) for row in {old, self._marked} if row >= top))
        height = self.scrollable_content_region.height
        if height and not top <= self._marked < top + height:
            self.scroll_to(
                y=self._marked if self._marked < top else self._marked - height + 1, animate=False, force=True
            )
            self.vertical_scrollbar.position = self.scroll_y

    def action_move(self, by: int) -> None:
        """The mark up or down."""
        self._go(self._marked + by)

    def action_page(self, by: int) -> None:
        """The mark by a page."""
        self._go(self._marked + by * max(1, self.scrollable_content_region.height - 1))

    def action_choose(self) -> None:
        """Tell that the marked row was chosen."""
        if self.marked:
            self.post_message(self.Chosen(self.marked))

    def on_click(self, event: events.Click) -> None:
        """A click marks a row; on the marked one it chooses."""
        row = int(self.scroll_offset.y) + event.y
        if row < len(self._keys):
            again = row == self._marked
            self._go(row)
            if again:
                self.action_choose()

    def render_line(self, y: int) -> Strip:
        """One row; the marked one has one ground from end to end: a colour, or reversed where there are none."""
        strip = super().render_line(y)
        if not self._keys or int(self.scroll_offset.y) + y != self._marked:
            return strip
        if getattr(self.app, "colourless", False):
            return Strip([Segment(one.text, _REVERSED) for one in strip], strip.cell_length)
        mark = Style(bgcolor=self.get_component_rich_style("table--marked").bgcolor, bold=True)
        return Strip(list(Segment.apply_style(strip, post_style=mark)), strip.cell_length)
