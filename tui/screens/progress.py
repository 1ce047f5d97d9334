"""The work as it goes: a lane per machine, time left, log or steps or Heat's tree, and what to do when it stopped. It decides nothing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from seedvm.engine.state import State
from tui.screens.blinking import MachinesPage
from tui.screens.page import put
from tui.state.machines import names
from tui.state.watcher import View
from tui.text.dashboard import stack_lines, waiting
from tui.text.format import fit
from tui.text.lanes import head, lane_lines, wanted_of
from tui.text.machine import about_of, pane_lines, rate_lines, strip_lines
from tui.text.progress import (
    failure_lines,
    progress_text,
    status_line,
    step_lines,
    told_lines,
)
from tui.text.rack import rack_lines
from tui.text.sentences import Story
from tui.widgets.banner import Banner
from tui.widgets.lines import Lines
from tui.widgets.table import Table

_PARTS = {"log": "Log", "steps": "Steps", "stack": "Heat stack"}
_PANE_FROM = 150
"""Columns from which the marked machine has a pane of its own; below it has a few lines under the list."""
_STRIP_LINES = 4


class ProgressPage(MachinesPage):
    """The deploy dashboard."""

    NAME: ClassVar[str] = "Progress"
    ABOUT: ClassVar[str] = "the deployment and its log, live"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
The machines stand as in the rack: from the top down, and never in another
order. U is the rack unit; ? is one that is not known (i on the Hardware
page sets it). Sign: * on, o off, ! fault, x left out, ? unknown. The bar is
the machine's whole way; beside it the time in this stage and the usual time
on this site. A wide screen shows the rack and the marked machine.
Below: what happened, in sentences; lines that repeat are counted.

Enter  opens the selected machine: stages, cause, retry, replace, drop
v      switches the bottom part: log, steps, Heat stack
f      log of the selected machine only; again: of all machines
/      searches machines, log and stack; Esc clears the search
r      after a stop: start the engine again; it checks the state and resumes
m      modify the site, then retry      b  write a support bundle
l      blinks the light of the machine; it stops by itself
n      what needs you                   h      the hand-off
Tab moves between the parts; arrows and PageUp/PageDown scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", key_display="r"),
        Binding("v", "part", "View", key_display="v"),
        Binding("f", "filter", "Filter", key_display="f"),
        Binding("l", "blink", "Light", key_display="l", show=False),
        Binding("h", "app.go('handoff')", "Hand-off", key_display="h"),
        Binding("m", "app.go('networks')", "Modify site", key_display="m", show=False),
        Binding("b", "bundle", "Bundle", key_display="b", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.node = ""
        self._part = "log"
        self._story = Story()

    def body(self) -> ComposeResult:
        """The step, the rack beside its machines and the marked one, failure, log."""
        yield Static(id="now", markup=False)
        with Horizontal(id="middle"):
            yield Lines(id="rack")
            with Vertical(id="right"):
                yield Static(id="nodes-head", classes="head", markup=False)
                yield Table(id="nodes")
                yield Banner(id="strip")
                yield Banner(id="rates")
            yield Lines(id="pane")
        yield Lines(id="failure", classes="hidden")
        yield Static(id="log-head", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """The keys move among the machines."""
        for name in ("rack", "pane"):
            self._lines(name).can_focus = False
        self.query_one("#nodes", Table).focus()

    def show(self, view: View, now: float) -> None:
        """All parts."""
        state = view.state
        step = state.current
        tell = progress_text(step) if step is not None and step.state == "running" else ""
        text = (waiting(step, now) if view.running else "") or status_line(state, view.running)
        failure = state.failure
        if failure is not None and not view.running:  # the panel says all of it
            text = f"Stopped: {step.title if step is not None else failure.step}"
        elif step is not None and not view.running:
            text += ". Press r to resume"
        text = "; ".join(filter(None, (view.notice or text, tell)))
        put(self.query_one("#now", Static), fit(text, max(1, self.size.width)).rstrip())
        self._show_machines(view, now)
        self._show_failure(state, view.running)
        self._show_part(view, now)

    def _lines(self, name: str) -> Lines:
        return self.query_one(f"#{name}", Lines)

    def _show_machines(self, view: View, now: float) -> None:
        every = self.shell.census.of(view)
        shown = wanted_of(every, self.wanted)
        table = self.query_one("#nodes", Table)
        table.set_rows([one.key for one in shown], lambda width: lane_lines(shown, view.state, now, width))
        put(self.query_one("#nodes-head", Static), head(shown, table.scrollable_content_region.width))
        marked = next((one for one in shown if one.key == table.marked), None)
        self._lines("rack").fill(lambda width: rack_lines(every, table.marked, width))
        about = about_of(view, marked) if marked is not None else None
        self._lines("pane").fill(lambda width: pane_lines(about, now, width) if about else [])
        narrow = self.size.width < _PANE_FROM
        self.query_one("#strip", Banner).fill(
            lambda width: strip_lines(about, now, width)[:_STRIP_LINES] if about and narrow else []
        )
        disks = self.shell.rates.disks
        self.query_one("#rates", Banner).fill(lambda width: rate_lines(list(disks), width) if any(disks) else [])

    def _show_failure(self, state: State, running: bool) -> None:
        panel = self._lines("failure")
        failure = state.failure
        stopped = failure is not None and not running
        panel.set_class(not stopped, "hidden")
        if failure is not None and stopped:
            keys = "r retry   m modify the site   b write a support bundle"
            if failure.kind == "blocked" and failure.step == "review":
                keys = "n: see which disks would be wiped, and confirm"
            elif failure.step == "deploy" and failure.machine:
                keys = "n: retry, replace or drop it   r retry   m modify site   b bundle"
            panel.fill(lambda width: [*failure_lines(failure, width), [(" " * 9 + keys, "strong")]])

    def _show_part(self, view: View, now: float) -> None:
        pane, state, named = self._lines("log"), view.state, names(view.review)
        if self._part == "steps":
            pane.fill(lambda width: step_lines(state, now, width))
        elif self._part == "stack":
            pane.fill(lambda width: stack_lines(state, self.wanted, width))
        else:
            said = self._story.read(state.log, state.logged)
            pane.fill(lambda width: told_lines(said, named, self.node, self.wanted, width))
        whose = _PARTS[self._part]
        if self._part == "log":
            whose += f" of {self.node}" if self.node else " of all machines"
        more = "   v: " + ", ".join(text for key, text in _PARTS.items() if key != self._part)
        put(self.query_one("#log-head", Static), whose + (f", matching '{self.wanted}'" if self.wanted else more))

    def marked_bmc(self) -> str:
        """That of the marked row."""
        marked = self.query_one("#nodes", Table).marked
        return next((one.bmc for one in self.shell.census.of(self.shell.view) if one.key == marked), "")

    def on_table_moved(self) -> None:
        """Another machine is marked: the picture and the pane show it."""
        self.refresh_view()

    def action_part(self) -> None:
        """The next part below."""
        order = list(_PARTS)
        self._part = order[(order.index(self._part) + 1) % len(order)]
        pane = self._lines("log")
        pane.follow = self._part == "log"
        self.refresh_view()
        pane.scroll_end(animate=False) if pane.follow else pane.scroll_home(animate=False)

    def action_filter(self) -> None:
        """The marked machine's log, then all again."""
        marked = self.query_one("#nodes", Table).marked
        self._part, self.node = "log", "" if self.node == marked else marked
        self.refresh_view()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Open the machine."""
        self.shell.open_node(event.key)

    def action_retry(self) -> None:
        """Start the engine again."""
        if not self.shell.view.running:
            self.shell.start_engine()

    def action_bundle(self) -> None:
        """Write a support bundle."""
        self.shell.make_bundle()
