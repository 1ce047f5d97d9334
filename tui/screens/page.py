"""What every page has: a title, the road with its time, who is needed, a body, the light, the keys, help, search and the way back.

Knows the shell (the app) by the few words in `Shell`; imports no page.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import ClassVar, Protocol, cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from seedvm.base.rows import Line
from tui.backend.engine import EngineClient
from tui.state.gauge import Gauge, Reading
from tui.state.machines import Census
from tui.state.needs import NeedsYou, needs_of
from tui.state.rates import Rates
from tui.state.watcher import View
from tui.text.format import clock, fit
from tui.text.progress import light, still_open
from tui.text.road import need_line, road_line, stations, time_line
from tui.text.waiting import Wait
from tui.widgets.banner import Banner
from tui.widgets.keys import Keys

_WIDE, _HIGH = 110, 30


class Shell(Protocol):
    """What a page may ask of the app."""

    link: EngineClient
    view: View
    looked: bool
    replaying: bool
    node: str
    wait: Wait | None
    gauge: Gauge
    census: Census
    rates: Rates
    colourless: bool

    def open_node(self, name: str) -> None: ...

    def go(self, name: str) -> None: ...

    def start_engine(self) -> None: ...

    def order_given(self, node: str) -> None: ...

    def make_bundle(self) -> None: ...


class Page(Screen[None]):
    """A page of the wizard. Subclasses give NAME, ABOUT (a few words for lists), HELP, `body` and `show`."""

    NAME: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    SEARCHES: ClassVar[bool] = False
    AUTO_FOCUS: ClassVar[str | None] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide"), (150, "-vast")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("f1", "app.help", "Help", key_display="F1"),
        Binding("f2", "app.jump", "Go to", key_display="F2"),
        Binding("f4", "app.plain", "Plain", key_display="F4", show=False),
        Binding("f3", "search", "Find", key_display="F3"),
        Binding("slash", "search", "Find", key_display="/", show=False),
        Binding("n", "need", "Needs you", key_display="n"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.wanted = ""
        self.needs: tuple[NeedsYou, ...] = ()

    @property
    def shell(self) -> Shell:
        """The app, as far as a page may know it."""
        return cast(Shell, self.app)

    def compose(self) -> ComposeResult:
        """Title, road, body, search line, light, keys."""
        yield Static(id="title", markup=False)
        yield Banner(id="road")
        with Vertical(id="body"):
            yield from self.body()
        yield Input(
            placeholder="search; Enter keeps the filter, Esc clears it",
            id="search",
            classes="hidden",
            max_length=200,
            disabled=True,
        )
        yield Static(id="caption", classes="hidden", markup=False)
        yield Static(id="light", markup=False)
        yield Keys()

    def body(self) -> ComposeResult:
        """The page's own widgets."""
        raise NotImplementedError

    def show(self, view: View, now: float) -> None:
        """Bring the page's widgets up to the view; called on every change and once a second."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Everything is there at the first paint."""
        self.refresh_view()

    def on_screen_resume(self) -> None:
        """Back in front: show the current state."""
        self.call_after_refresh(self.refresh_view)

    def on_resize(self) -> None:
        """Columns depend on the width."""
        self.call_after_refresh(self.refresh_view)

    def refresh_view(self) -> None:
        """Title, body and light from the app's current view; nothing while the page is being built or taken down."""
        if not self.is_attached:
            return
        view = self.shell.view
        with suppress(NoMatches):  # a page's widgets come and go one after the other
            self._frame(view)
            self.show(view, self.now(view))

    def _frame(self, view: View) -> None:
        state, now = view.state, self.now(view)
        safe, words = light(state, view.receipt)
        put(self.query_one("#title", Static), self._title(view, now))
        reading = self.shell.gauge.read(state, now, working=view.running, left=safe)
        self._see_needs(view)
        self.query_one("#road", Banner).fill(lambda width: self._road(view, reading, now, width, safe=safe))
        caption = self.query_one("#caption", Static)
        caption.set_class(not self.shell.link.caption, "hidden")
        put(caption, self.shell.link.caption)
        lamp = self.query_one("#light", Static)
        lamp.set_class(safe, "safe")
        lamp.set_class(not safe and state.failure is not None and state.failure.kind == "failed", "failed")
        more = still_open(state)
        if not safe and more and len(words) + len(more) + 18 <= self.size.width:
            words += f"    still open: {more}"
        put(lamp, " " + words)

    def _title(self, view: View, now: float) -> str:
        state = view.state
        site = state.site or (view.review.site if view.review else "")
        engine = "engine running" if view.running else "engine not running"
        right = str(self.shell.wait or engine)
        if now and self.shell.wait is None and (view.running or self.shell.replaying):
            right = f"{clock(now)[: 5 if self.shell.colourless else 8]} UTC   {right}"
        left = f" seedvm  {site} \u203a {self.NAME}" if site else f" seedvm  {self.NAME}"
        if state.run and self.size.width >= _WIDE:
            left += f"      run {state.run} since {clock(state.started or 0)[:5]}"
        return fit(left, max(1, self.size.width - len(right) - 2)) + f" {right} "

    def _road(self, view: View, reading: Reading, now: float, width: int, *, safe: bool) -> list[Line]:
        """The road, the bar of time once there is a plan, and who is needed."""
        lines = [road_line(stations(view.state, now, running=view.running), width)]
        spare_rows = safe and self.size.height < _HIGH
        if reading.forecast is not None and not spare_rows:
            lines.append(time_line(reading, now, width, safe=safe))
        if self.needs and not (spare_rows and self.needs[0].read):  # n leads there all the same
            lines.append(need_line(self.needs, self.place_of(view, self.needs[0].node), width))
        return lines

    def place_of(self, view: View, node: str) -> str:
        """How a machine is called where there is one word for it: its name."""
        return node

    def _see_needs(self, view: View) -> None:
        before, self.needs = self.needs, needs_of(view)
        if bool(before) != bool(self.needs):
            self.refresh_bindings()

    def action_need(self) -> None:
        """Where somebody is needed first."""
        if not self.needs:
            return
        need = self.needs[0]
        if need.page == "node" and need.node:
            self.shell.open_node(need.node)
        else:
            self.shell.go(need.page)

    def on_banner_pressed(self, event: Banner.Pressed) -> None:
        """A click on who is needed is the key."""
        if event.line > 0 and self.needs:
            self.action_need()

    def answer(self, text: str, *, bad: bool = False) -> None:
        """What came of a key, in the page's line for it."""
        line = self.query_one("#answer", Static)
        line.set_class(bad, "bad")
        put(line, text)

    def now(self, view: View) -> float:
        """The clock that counts: the wall's while an engine works, else the journal's last word."""
        return max(time.time(), view.state.last) if view.running and not self.shell.replaying else view.state.last

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An unexpected error in the background is shown, and the page stays open."""
        if event.state is WorkerState.ERROR:
            self.notify(
                f"{event.worker.name}: {event.worker.error}",
                title="Unexpected error",
                severity="error",
                timeout=30,
                markup=False,
            )

    def action_back(self) -> None:
        """End the search and what it kept, else go back a page; the first page stays."""
        field = self.query_one("#search", Input)
        if not field.has_class("hidden"):
            field.value = ""
            self._end_search()
        elif self.wanted:
            self.wanted = field.value = ""
            self.refresh_view()
        elif len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No search where a page has nothing to search, and no way to who is needed while nobody is."""
        if action == "need":
            return bool(self.needs)
        return self.SEARCHES if action == "search" else super().check_action(action, parameters)

    def action_search(self) -> None:
        """Open the search line."""
        field = self.query_one("#search", Input)
        field.disabled = False
        field.remove_class("hidden")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed."""
        if event.input.id == "search":
            self.wanted = event.value
            self.refresh_view()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps what was found in view and gives the keys back."""
        if event.input.id == "search":
            event.stop()
            self._end_search()

    def _end_search(self) -> None:
        field = self.query_one("#search", Input)
        self.focus_next()
        field.add_class("hidden")
        field.disabled = True


def put(widget: Static, text: str) -> None:
    """Set a Static's text only where it differs, and lay the page out again only where its height may change: a new layout paints
    the whole page, which a serial line pays for."""
    before = widget.content
    if before != text:
        rows = _rows(text, widget.size.width)
        widget.update(text, layout=not rows or _rows(str(before), widget.size.width) != rows)


def _rows(text: str, width: int) -> int:
    """The rows that text takes if none of its lines has to be wrapped; else 0: not known."""
    lines = text.split("\n")
    return len(lines) if all(cell_len(line) <= width for line in lines) else 0


def matches(text: str, wanted: str) -> bool:
    """Whether a row holds what is searched for, without regard to case."""
    return not wanted or wanted.lower() in text.lower()
