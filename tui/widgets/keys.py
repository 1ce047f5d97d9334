"""The keys of the page in front, in one line: one widget, where Textual's footer has one per key, which costs a page half its opening.

A click on a key is the key. A key that does not fit is left out whole; tests hold that all fit at 80 columns.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

Key = tuple[str, str, str]
"""The key's name, how it is written, what it does."""


class Keys(Widget, can_focus=False):
    """The last line of every page."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key"}

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        """The keys are there at the first paint; then hear of others."""
        self._look(self.screen)
        self.screen.bindings_updated_signal.subscribe(self, self._look)

    def _look(self, _screen: Screen[Any]) -> None:
        """What can be pressed now; painted again only where it is something else."""
        shown: dict[str, Key] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                shown.setdefault(binding.action, (binding.key, self.app.get_key_display(binding), binding.description))
        if self._keys != (keys := tuple(shown.values())):
            self._keys = keys
            self.refresh()

    def _places(self) -> list[tuple[int, Key]]:
        """Each key that fits and the column that it ends before."""
        places, end = [], 0
        for key in self._keys:
            end += len(key[1]) + len(key[2]) + 3
            if end > self.size.width + 1:  # the last blank may be cut
                break
            places.append((end, key))
        return places

    def render_line(self, y: int) -> Strip:
        """All keys."""
        base = self.rich_style
        strong = base + self.get_component_rich_style("keys--key", partial=True)
        spans = [
            Segment(text, style)
            for _, (_, written, does) in self._places()
            for text, style in ((f" {written} ", strong), (f"{does} ", base))
        ]
        return Strip(spans).adjust_cell_length(self.size.width, base)

    def on_click(self, event: events.Click) -> None:
        """As if the key were pressed."""
        key = next((key for end, key in self._places() if event.x < end), None)
        if key is not None:
            self.app.simulate_key(key[0])
