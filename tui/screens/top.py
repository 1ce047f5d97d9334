"""The page of `seedvm top`: the running undercloud. It draws the overview that it is given and asks nobody itself."""

from __future__ import annotations

from typing import ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.monitor import words
from seedvm.monitor.drawing import clock
from seedvm.monitor.model import Machine, Overview
from seedvm.monitor.verdict import verdict
from tui.backend.top_feed import Feed
from tui.screens.notes import Help
from tui.screens.page import matches, put
from tui.widgets.keys import Keys
from tui.widgets.lines import Lines, Maker
from tui.widgets.table import Table

HELP = """\
The undercloud as this controller sees it: the other controllers over SSH, the APIs
through the VIP. Members are read every 5 s, APIs asked every 15 s; each controller
keeps a quarter hour of samples of itself and the last 200 changes.

controllers   database state and transaction, RabbitMQ's nodes, the slowest answers
              of its own APIs (95 of 100 came within so long), load, disk, clock
through VIP   what a client gets: a cross is a request that failed
machines      Up and Down choose one, Enter shows all of it and what to do
needs you     what is broken (X), what is worth a look (!), and what to do about it

Read-only until unlocked: ! and the site's name unlock. Then, for the marked machine:
r tries a machine again that failed or was kept out, p switches its power.
Controllers are never switched from here."""
WIDE = 120
_REFUSED = "read-only: press ! and type the site's name to unlock orders"


class TopShell(Protocol):
    """What the page may ask of the app."""

    feed: Feed
    seen: Overview | None
    trouble: str
    ascii_only: bool
    colourless: bool


def _panel(name: str, widget: Lines) -> ComposeResult:
    """A part of the page with its head, which its border takes over where it has one."""
    yield Static(classes="head", markup=False, id=f"{name}-head")
    yield widget


class TopPage(Screen[None]):
    """The one page. `unlocked` after the site's name was typed."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    AUTO_FOCUS: ClassVar[str | None] = "#machines"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "Help", key_display="F1"),
        Binding("slash,f3", "search", "Find", key_display="/"),
        Binding("v", "turn", "Tenants"),
        Binding("exclamation_mark", "unlock", "Unlock", key_display="!"),
        Binding("r", "order('retry')", "Retry"),
        Binding("p", "order('power')", "Power"),
        Binding("f4", "app.plain", "Plain", key_display="F4"),
        Binding("escape", "back", "Back", show=False),
        Binding("ctrl+q", "app.quit", "Close", key_display="Ctrl+Q"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.unlocked = False
        self.tenants = False
        self.wanted = ""
        self._asks = ""
        self._target = ""

    @property
    def shell(self) -> TopShell:
        """The app, as far as the page may know it."""
        return cast(TopShell, self.app)

    def compose(self) -> ComposeResult:
        """Title, headline, panels, the line for answers, keys."""
        yield Static(id="title", markup=False)
        yield Lines(id="headline")
        with Container(id="top"):
            with Vertical(id="top-left"):
                yield from _panel("members", Lines(id="members"))
                yield from _panel("services", Lines(id="services"))
                yield from _panel("needs", Lines(id="needs"))
                yield from _panel("tenants", Lines(id="tenants"))
            with Vertical(id="top-right"):
                yield from _panel("machines", Table(id="machines"))
                yield from _panel("detail", Lines(id="detail"))
        yield from _panel("events", Lines(id="events", follow=True))
        yield Static(id="answer", classes="hidden", markup=False)
        yield Input(id="search", classes="hidden", max_length=200, disabled=True)
        yield Keys()

    def on_mount(self) -> None:
        """Everything is there at the first paint."""
        for name in ("headline", "members", "services", "detail", "tenants"):
            self.query_one(f"#{name}", Lines).can_focus = False
        self.refresh_view()

    def on_resize(self) -> None:
        """Columns depend on the width."""
        self.call_after_refresh(self.refresh_view)

    def refresh_view(self) -> None:
        """Bring everything up to the overview."""
        seen = self.shell.seen
        if not self.is_attached or not self.query("#events"):
            return
        self._title(seen)
        if seen is None:
            self.query_one("#headline", Lines).fill(lambda _width: [[(f" {self._waiting()}", "busy")]])
            return
        judged, plain = verdict(seen), self.shell.ascii_only
        self.set_class(self.size.width >= WIDE and not self.shell.colourless, "-boxed")
        self._fill("headline", lambda width: [words.headline(seen, judged, width, plain)], tall=1)
        self._fill("members", lambda width: words.member_lines(seen, width, plain), tall=len(seen.members) + 4)
        self._fill("services", lambda width: words.service_lines(seen, width, plain), tall=8)
        self._fill("needs", lambda width: words.need_lines(seen, judged, width, plain))
        self._fill("tenants", lambda width: words.tenant_lines(seen, width), tall=6)
        self._machines(seen, plain)
        self._fill("events", lambda width: self._below(seen, width))
        self._entitle("members", f"controllers, VIP {seen.vip}")
        self._entitle("services", "through the VIP, last 15 minutes")
        self._entitle("needs", "needs you")
        self._entitle("tenants", "tenants")
        self._entitle(
            "events", "tenants" if self.tenants else f"events with {self.wanted!r}" if self.wanted else "events"
        )
        self._detail()

    def _below(self, seen: Overview, width: int) -> list[Line]:
        if self.tenants:
            return words.tenant_lines(seen, width)
        lines = words.event_lines(seen, width)
        return [line for line in lines if matches("".join(text for text, _ in line), self.wanted)]

    def _entitle(self, panel: str, title: str) -> None:
        """A panel's title: in its border where there is one, else in the line above it."""
        put(self.query_one(f"#{panel}-head", Static), title)
        widget = self.query_one(f"#{panel}", Lines)
        if widget.border_title != title:
            widget.border_title = title

    def _title(self, seen: Overview | None) -> None:
        lock = "orders unlocked" if self.unlocked else "read-only"
        told = " seedvm top  " + self._place(seen)
        right = f"{lock}   {clock(seen.at)} UTC " if seen else f"{lock} "
        if self.shell.trouble and seen is not None:
            right = f"NOT UP TO DATE since {clock(seen.at)} UTC "
        put(
            self.query_one("#title", Static),
            told[: max(1, self.size.width - len(right))].ljust(self.size.width - len(right)) + right,
        )
        if self.shell.trouble and seen is not None:
            self._say(self.shell.trouble, bad=True)

    def _place(self, seen: Overview | None) -> str:
        return f"{seen.site}   on {words.short(seen, seen.here) or 'no controller'}" if seen else ""

    def _waiting(self) -> str:
        return self.shell.trouble or "asking the controllers and the APIs ..."

    def _fill(self, name: str, maker: Maker, *, tall: int = 0) -> None:
        """Lines as tall as what is in them, at most `tall` (0: as tall as there is room)."""
        widget = self.query_one(f"#{name}", Lines)
        if tall and widget.size.width:
            rows = min(tall, len(maker(widget.size.width))) + widget.gutter.height
            if widget.styles.height is None or widget.styles.height.value != rows:
                widget.styles.height = rows
        widget.fill(maker)

    def _machines(self, seen: Overview, plain: bool) -> None:
        listed = seen.cloud.machines
        shown = [
            one for one in listed if matches(f"{one.name} {one.bmc} {one.server} {one.kind} {one.fault}", self.wanted)
        ]
        self._entitle("machines", f"machines: {words.tally(listed) or 'none known'}")
        table = self.query_one("#machines", Table)
        table.set_rows([one.id for one in shown], lambda width: words.machine_lines(seen, shown, width, plain))

    def _marked(self) -> Machine | None:
        seen, marked = self.shell.seen, self.query_one("#machines", Table).marked
        return next((one for one in seen.cloud.machines if one.id == marked), None) if seen else None

    def _detail(self) -> None:
        machine = self._marked()
        self._entitle("detail", machine.name if machine else "no machine")
        self._fill("detail", lambda width: words.machine_detail(machine, width) if machine else [], tall=24)

    def on_table_moved(self) -> None:
        """Another machine is marked."""
        self._detail()

    def on_table_chosen(self) -> None:
        """Enter: all of the marked machine, also where the page has no room for it."""
        if (machine := self._marked()) is not None:
            lines = words.machine_detail(machine, 74)
            self.app.push_screen(Help(machine.name, "\n".join("".join(text for text, _ in line) for line in lines)))

    def action_help(self) -> None:
        """What the page shows, and the keys."""
        self.app.push_screen(Help("seedvm top", HELP))

    def action_turn(self) -> None:
        """Between events and tenants."""
        self.tenants = not self.tenants
        self.refresh_view()

    def action_search(self) -> None:
        """Machines and events that hold a text."""
        self._ask("search", "find in machines and events; Enter keeps it, Esc clears it")

    def action_unlock(self) -> None:
        """Orders need the site's name once; the same key locks again."""
        if self.unlocked:
            self.unlocked = False
            self._say("locked: read-only again")
            self.refresh_view()
        elif self.shell.seen is not None:
            self._ask("unlock", f"type {self.shell.seen.site} to unlock orders; Esc: stay read-only")

    def action_order(self, what: str) -> None:
        """An order for the marked machine."""
        machine = self._marked()
        if not self.unlocked:
            self._say(_REFUSED, bad=True)
        elif machine is None:
            self._say("no machine is marked", bad=True)
        elif machine.controller:
            self._say(f"{machine.name} runs {machine.server}: controllers are not switched from here", bad=True)
        elif what == "retry":
            self._order("retry", machine.id)
        else:
            self._target = machine.id
            turn = "off" if machine.power == "on" else "on"
            self._ask(f"power-{turn}", f"type {machine.name} to switch its power {turn}; Esc: leave it as it is")

    @work(exit_on_error=False, group="order", exclusive=True)
    async def _order(self, what: str, node: str) -> None:
        seen = self.shell.seen
        self._say("asking Ironic ...")
        try:
            self._say(await self.shell.feed.order(f"--{what}", node, "--yes", seen.site if seen else ""))
        except (SeedvmError, TimeoutError) as error:
            self._say(str(error), bad=True)

    def _say(self, text: str, *, bad: bool = False) -> None:
        line = self.query_one("#answer", Static)
        line.set_class(bad, "bad")
        line.set_class(not text, "hidden")
        put(line, f" {text}" if text else "")

    def _ask(self, what: str, placeholder: str) -> None:
        field = self.query_one("#search", Input)
        self._asks, field.placeholder, field.disabled = what, placeholder, False
        field.value = self.wanted if what == "search" else ""
        self._say("" if what == "search" else placeholder)
        field.remove_class("hidden")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed."""
        if self._asks == "search":
            self.wanted = event.value
            self.refresh_view()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What was typed, and the keys back to the machines."""
        asked, typed, seen = self._asks, event.value.strip(), self.shell.seen
        self._end_asking()
        if asked == "unlock" and seen is not None:
            self.unlocked = typed == seen.site
            self._say(
                "orders are unlocked: r Retry, p Power, ! locks again"
                if self.unlocked
                else f"not unlocked: the site is {seen.site}",
                bad=not self.unlocked,
            )
            self.refresh_view()
        elif asked.startswith("power-"):
            machine = next((one for one in seen.cloud.machines if one.id == self._target), None) if seen else None
            if machine is not None and typed == machine.name:
                self._order(asked, machine.id)
            else:
                self._say("nothing was switched: the name is another", bad=True)

    def action_back(self) -> None:
        """Esc ends a question, then a search."""
        asked = self._asks
        self._end_asking()
        if asked in ("search", ""):
            self.wanted = ""
            self.refresh_view()
        else:
            self._say("left as it is")

    def _end_asking(self) -> None:
        field = self.query_one("#search", Input)
        self._asks = ""
        field.add_class("hidden")
        self.query_one("#machines", Table).focus()
        field.disabled = True
