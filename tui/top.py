"""The app of `seedvm top`: one page, and the worker that follows the collector."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.worker import Worker, WorkerState

from seedvm.monitor.model import Overview
from tui.backend.top_feed import Feed
from tui.screens.top import TopPage
from tui.text.ascii import PlainFilter, TextFilter, wants_ascii
from tui.themes import THEMES, theme_for


class TopApp(App[None]):
    """The running undercloud, as `feed` tells of it. `env` decides the theme it begins with."""

    TITLE = "seedvm top"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Close", show=False),
        Binding("ctrl+l", "redraw", "Redraw", show=False),
    ]

    def __init__(self, feed: Feed, env: Mapping[str, str] | None = None) -> None:
        super().__init__()
        environment = os.environ if env is None else env
        self.feed = feed
        self.seen: Overview | None = None
        self.trouble = ""
        self.ascii_only = wants_ascii(environment)
        self.colourless = self.ascii_only or "NO_COLOR" in environment
        self._text_filter = TextFilter()
        self._filters_of = {key: PlainFilter(key) for key in (True, False)}
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_for(environment)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, then ours, which hold the output to text, and to what the console can show."""
        own = [*super().get_line_filters(), self._text_filter]
        return [*own, self._filters_of[self.ascii_only]] if self.colourless else own

    def on_mount(self) -> None:
        """The page, and the follower."""
        self.set_class(self.colourless, "-plain")
        self.push_screen(TopPage())
        self.follow()

    @work(exit_on_error=False, group="follow")
    async def follow(self) -> None:
        """Bring every overview to the page."""
        async for told in self.feed.follow():
            if isinstance(told, str):
                self.trouble = told
            else:
                self.seen, self.trouble = told, ""
            self.tick()

    def tick(self) -> None:
        """Bring the page up to date, also below a window."""
        for screen in self.screen_stack:
            if isinstance(screen, TopPage):
                screen.refresh_view()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An unexpected error in the background is shown, and the screen stays open."""
        if event.state is WorkerState.ERROR:
            self.notify(str(event.worker.error), title="Unexpected error", severity="error", timeout=30, markup=False)

    def action_help_quit(self) -> None:
        """Ctrl+C ends nothing by accident, and says what does."""
        self.notify("Ctrl+Q closes this screen; the undercloud does not notice.", markup=False)

    def action_redraw(self) -> None:
        """Draw all of it."""
        self.screen.refresh()

    def action_plain(self) -> None:
        """Between the coloured theme and plain ASCII."""
        self.ascii_only = self.colourless = not self.colourless
        self.set_class(self.colourless, "-plain")
        self.refresh_css(animate=False)
        self.tick()
        for screen in self.screen_stack:
            for widget in screen.walk_children():
                widget.notify_style_update()
                widget.refresh(layout=True)
