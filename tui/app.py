"""The app: pages, the one worker that follows the state folder, and the theme. The engine never runs in here."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, ClassVar

from textual import events, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from seedvm.base.errors import SeedvmError
from tui.backend.engine import EngineClient
from tui.screens.bundle import BundlePage
from tui.screens.credentials import CredentialsPage
from tui.screens.discovery import DiscoveryPage
from tui.screens.handoff import HandoffPage
from tui.screens.hardware import HardwarePage
from tui.screens.networks import NetworksPage
from tui.screens.node import NodePage
from tui.screens.notes import Help, Jump
from tui.screens.page import Page
from tui.screens.preflight import PreflightPage
from tui.screens.progress import ProgressPage
from tui.screens.receipt import ReceiptPage
from tui.screens.review import ReviewPage
from tui.screens.welcome import WelcomePage
from tui.state.gauge import Gauge
from tui.state.machines import Census
from tui.state.rates import Rates
from tui.state.watcher import View
from tui.text.ascii import PlainFilter, TextFilter, wants_ascii
from tui.text.waiting import Wait
from tui.themes import THEMES, theme_for
from tui.typeahead import Lap, TypedAhead

PAGES: Mapping[str, type[Page]] = {
    "welcome": WelcomePage,
    "preflight": PreflightPage,
    "networks": NetworksPage,
    "discovery": DiscoveryPage,
    "credentials": CredentialsPage,
    "hardware": HardwarePage,
    "review": ReviewPage,
    "bundle": BundlePage,
    "progress": ProgressPage,
    "node": NodePage,
    "handoff": HandoffPage,
    "receipt": ReceiptPage,
}


_ENGINE_BEGINS_SECONDS, _BUNDLE_SECONDS = 3.0, 5.0
"""What these usually take."""
_FIRST_LOOK_SECONDS, _SETTLED_SECONDS = 1.0, 0.3
"""A screen that is empty for as long while a long journal is read begins with the first page; until the first layouts settle."""


def _spare_the_screen() -> None:
    # Looking through all objects for garbage stops the screen for 0.1 s: what was imported stays and is left out, and the
    # events of a long journal, which are gone again at once, are no cause to look.
    if not gc.get_freeze_count():
        gc.freeze()
        gc.set_threshold(10_000)


class WizardApp(App[None]):
    """The wizard on one state folder. `env` decides the theme it begins with; `looked`: `view` tells of the folder, and is no blank."""

    TITLE = "seedvm"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = True
    SCREENS: ClassVar[dict[str, Callable[[], Screen[Any]]]] = dict(PAGES)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Close", show=False),
        Binding(
            "tab", "focus_next", show=False, priority=True
        ),  # at once: what is typed ahead belongs to the next field
        Binding("shift+tab", "focus_previous", show=False, priority=True),
        Binding("ctrl+l", "redraw", "Redraw", show=False),
    ]

    def __init__(
        self,
        link: EngineClient,
        env: Mapping[str, str] | None = None,
        *,
        replaying: bool = False,
        opens_where_needed: bool = False,
    ) -> None:
        """`opens_where_needed`: on the page that shows where the site stands, on a terminal with colours; else on the first."""
        super().__init__()
        environment = os.environ if env is None else env
        self.link = link
        self.view = View()
        self.looked = False
        self.node = ""
        self.wait: Wait | None = None
        self.gauge, self.census, self.rates, self._settling = Gauge(), Census(), Rates(), ExitStack()
        self.replaying = replaying
        self.ascii_only = wants_ascii(environment)
        self.colourless = self.ascii_only or "NO_COLOR" in environment
        self._opens = (
            opens_where_needed and not replaying and not self.colourless
        )  # a slow line: the cheapest page first
        self._text_filter = TextFilter()
        self._filters_of = {key: PlainFilter(key) for key in (True, False)}
        self._shown: set[str] = set()
        self._owed: dict[str, bool] = {}
        self._toured = ""
        self.animation_level = "none"
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_for(environment)
        self._ahead = TypedAhead(self)

    async def on_event(self, event: events.Event) -> None:
        """Keys come in the order in which they were typed, also where the focus moves between them."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif not self._ahead.holds(event):
            field = self.focused
            await super().on_event(event)
            self._ahead.sent(event, field)

    async def on_lap(self, lap: Lap) -> None:
        """See tui/typeahead.py."""
        await self._ahead.back(lap)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, then ours, which hold the output to text, and to what the console can show."""
        own = [*super().get_line_filters(), self._text_filter]
        return [*own, self._filters_of[self.ascii_only]] if self.colourless else own

    def on_mount(self) -> None:
        """First page, the follower, and a clock for the seconds on the screen."""
        _spare_the_screen()
        self.set_class(self.colourless, "-plain")
        if self.colourless:  # each of the first layouts would be painted whole, which a serial line pays for
            self._settling.enter_context(self.batch_update())
            self.set_timer(_SETTLED_SECONDS, self._settling.close)
        if self._opens:
            self.set_timer(_FIRST_LOOK_SECONDS, lambda: self._open_where_needed(View()))
        else:
            self.push_screen("welcome")
        self.follow()
        self.set_interval(2.0 if self.colourless else 1.0, self.tick)

    @work(exit_on_error=False, group="follow")
    async def follow(self) -> None:
        """Bring every change of the state folder to the page in front."""
        async for view in self.link.follow():
            if not self.view.state.events and view.state.events:
                self._shown.update(self._old_news(view))
            self.view, self.looked = view, True
            self.rates.see(view.state)
            self._open_where_needed(view)
            self._see_obeyed(view)
            self._tour()
            self.tick()

    def _tour(self) -> None:
        """In a tour, to the page of the scene that begins; between two scenes whoever watches may go where they like."""
        if self.link.page != self._toured:
            self._toured = self.link.page
            self.go(self._toured)

    def _open_where_needed(self, view: View) -> None:
        """Whoever comes back to a deployment sees where it stands: the first page that is painted, unless reading takes too long."""
        if not self._opens:
            return
        self._opens = False
        self.push_screen("welcome")
        state = view.state
        if view.receipt is not None and (view.receipt.may_leave or view.receipt.open):
            self.go("receipt")
        elif view.running and state.phases:
            self.go("handoff")
        elif view.running and state.steps:
            self.go("progress")

    def order_given(self, node: str) -> None:
        """A node was ordered while an engine was at work: should that one end without having seen the order, another is started."""
        self._owed[node] = False

    def _see_obeyed(self, view: View) -> None:
        for node, seen in list(self._owed.items()):
            if node not in view.orders:
                if seen:
                    del self._owed[node]
            elif view.running:
                self._owed[node] = True
            else:
                self._owed.clear()
                self.start_engine()

    def tick(self) -> None:
        """Lead on where someone is needed, then bring the page in front up to date."""
        if self.screen_stack:  # there is none while the app ends
            self._lead(self.view)
        if self.screen_stack and isinstance(self.screen, Page):
            self.screen.refresh_view()

    def _lead(self, view: View) -> None:
        """Take whoever watches the work to where they are needed, once each."""
        if not isinstance(self.screen, ProgressPage | HandoffPage) or self.replaying:
            return
        failure = view.state.failure
        waits = failure is not None and failure.step == "review" and failure.kind == "blocked" and not view.running
        if waits and view.review is not None and not view.confirmed and self._once(f"review {view.state.run}"):
            self.go("review")
        elif view.receipt is not None and view.receipt.may_leave and self._once("receipt"):
            self.go("receipt")
        elif view.state.phases and not view.state.all_done and self._once("handoff"):
            self.go("handoff")

    def _old_news(self, view: View) -> set[str]:
        """What was so before this wizard was opened: it does not lead there."""
        return {name for name, there in (("receipt", view.receipt), ("handoff", view.state.phases)) if there}

    def _once(self, name: str) -> bool:
        fresh = name not in self._shown
        self._shown.add(name)
        return fresh

    def go(self, name: str) -> None:
        """Bring a page to the front; pages above it are closed, what was entered in them is kept."""
        self._settling.close()  # a page that is covered before it was painted stays blank
        page = self.get_screen(name)
        if page in self.screen_stack:
            while self.screen is not page:
                self.pop_screen()
        else:
            self.push_screen(page)

    def open_node(self, name: str) -> None:
        """The page of one machine."""
        self.node = name
        self.go("node")

    def action_go(self, name: str) -> None:
        """`go`, for a key."""
        self.go(name)

    @work(exit_on_error=False, group="engine", exclusive=True)
    async def start_engine(self) -> None:
        """Start the engine as its own process; say so where it cannot be."""
        with self._waiting(Wait("starting the engine", _ENGINE_BEGINS_SECONDS)):
            try:
                await self.link.start_engine()
            except (SeedvmError, TimeoutError) as error:
                why = str(error) or "it did not start in time"
                self.notify(why, title="The engine could not be started", severity="error", timeout=15, markup=False)

    @contextmanager
    def _waiting(self, wait: Wait) -> Iterator[None]:
        """Say in the title of every page what is waited for, how long so far and as a rule."""
        self.wait = wait
        self.tick()
        try:
            yield
        finally:
            self.wait = None
            self.tick()

    @work(exit_on_error=False, group="bundle", exclusive=True)
    async def make_bundle(self) -> None:
        """Write the support bundle and say where it is."""
        with self._waiting(Wait("writing a bundle", _BUNDLE_SECONDS)):
            try:
                path = await self.link.bundle()
            except (SeedvmError, OSError) as error:
                self.notify(str(error), title="Support bundle not written", severity="error", timeout=15, markup=False)
                return
        self.notify(f"{path} (contains no secrets)", title="Support bundle", timeout=15, markup=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """An unexpected error in the background is shown, and the wizard stays open."""
        if event.state is WorkerState.ERROR:
            self.notify(
                f"{event.worker.name}: {event.worker.error}",
                title="Unexpected error",
                severity="error",
                timeout=30,
                markup=False,
            )

    def action_help_quit(self) -> None:
        """Ctrl+C, which ends other programs: it says what ends this one, and that the engine is another."""
        goes_on = "The engine keeps running." if self.view.running else "Nothing was stopped."
        self.notify(f"{goes_on} Ctrl+Q closes this screen.", title="Ctrl+C", timeout=6, markup=False)

    def action_redraw(self) -> None:
        """Draw all of it: an operator who (re)connects to this line sees only what was drawn since, or nothing."""
        self.screen.refresh()

    def action_plain(self) -> None:
        """Between the coloured theme and plain ASCII."""
        self.ascii_only = self.colourless = not self.colourless
        shown = "plain ASCII without colours" if self.colourless else "colours and drawn lines"
        self.notify(f"{shown}; F4 changes back", title="Display", timeout=4, markup=False)
        self.set_class(self.colourless, "-plain")
        self.refresh_css(animate=False)
        for screen in self.screen_stack:
            for widget in screen.walk_children():
                widget.notify_style_update()
                widget.refresh(layout=True)

    def action_help(self) -> None:
        """The help of the page in front."""
        if isinstance(self.screen, Page):
            self.push_screen(Help(self.screen.NAME, self.screen.HELP))

    def action_jump(self) -> None:
        """The list of pages."""
        self.push_screen(Jump([(key, f"{page.NAME:<13}{page.ABOUT}") for key, page in PAGES.items()]), self._jumped)

    def _jumped(self, name: str | None) -> None:
        if name:
            self.go(name)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette: what the page in front can do, pages, theme, retry, close."""
        if isinstance(screen, Page):
            for one in (binding for binding in type(screen).BINDINGS if isinstance(binding, Binding)):
                run = partial(self.run_action, one.action, screen)
                yield SystemCommand(f"{screen.NAME}: {one.description}", one.tooltip or f"key {one.key_display}", run)
        for key, page in PAGES.items():
            yield SystemCommand(f"Go to {page.NAME}", page.ABOUT, partial(self.go, key))
        for theme in THEMES:
            yield SystemCommand(
                f"Theme {theme.name}", "colours of this screen", partial(setattr, self, "theme", theme.name)
            )
        yield SystemCommand("Plain theme", "switch between colour and plain ASCII", self.action_plain)
        yield SystemCommand(
            "Retry", "start the engine again; it checks the current state and resumes", self.start_engine
        )
        yield SystemCommand(
            "Support bundle",
            "a tar file of journal, site, logs, versions and network, without secrets",
            self.make_bundle,
        )
        yield SystemCommand("Close", "close the wizard; the engine keeps running", self.exit)
