"""The work as it goes: a lane per machine, time left, log or steps or Heat's tree, and what to do when it stopped. It decides nothing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from seedvm.engine.state import State
from tui.screens.page import Page, put
from tui.state.watcher import View
from tui.text.dashboard import failed_nodes, stack_lines, waiting
from tui.text.format import fit
from tui.text.progress import (
    failure_lines,
    log_lines,
    names,
    node_lines,
    progress_text,
    sorted_lanes,
    status_line,
    step_lines,
)
from tui.widgets.lines import Lines
from tui.widgets.table import Table

_PARTS = {"log": "Log", "steps": "Steps", "stack": "Heat stack"}


class ProgressPage(Page):
    """The deploy dashboard."""

    NAME: ClassVar[str] = "Progress"
    ABOUT: ClassVar[str] = "the deployment and its log, live"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Top: the running step, how long it has taken and usually takes; the progress
of the whole deployment, and an estimate of the time left.
Middle: one line per machine: phase, overall progress, percent of this phase
or time in it, bytes and rate, or the service that is being configured.
Bottom: the log. A wide screen shows the steps on the left: [x] done,
[>] running (seconds so far / usual), [ ] to do, [!] failed, [?] waiting.

Enter  opens the selected machine: stages, cause, retry, replace, drop
v      switches the bottom part: log, steps, Heat stack
f      log of the selected machine only; again: of all machines
/      searches machines, log and stack; Esc clears the search
r      after a stop: start the engine again; it checks the state and resumes
m      modify the site, then retry      b  write a support bundle
h      the hand-off
Tab moves between the parts; arrows and PageUp/PageDown scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", key_display="r"),
        Binding("v", "part", "View", key_display="v"),
        Binding("f", "filter", "Filter", key_display="f"),
        Binding("h", "app.go('handoff')", "Hand-off", key_display="h"),
        Binding("m", "app.go('networks')", "Modify site", key_display="m", show=False),
        Binding("b", "bundle", "Bundle", key_display="b", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.node = ""
        self._part = "log"

    def body(self) -> ComposeResult:
        """Overall, lanes (beside the steps where there is room), failure, log."""
        yield Static(id="now", markup=False)
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Static("Steps", classes="head", markup=False)
                yield Lines(id="steps")
            with Vertical(id="right"):
                yield Static("Machines", id="nodes-head", classes="head", markup=False)
                yield Table(id="nodes")
        yield Lines(id="failure", classes="hidden")
        yield Static(id="log-head", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """The keys move among the machines."""
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
        steps = self._lines("steps")
        steps.fill(lambda width: step_lines(state, now, width))
        if step is not None and not steps.has_focus:
            steps.show_line(state.steps.index(step))
        self._show_lanes(view, now)
        self._show_failure(state, view.running)
        self._show_part(view, now)

    def _lines(self, name: str) -> Lines:
        return self.query_one(f"#{name}", Lines)

    def _show_lanes(self, view: View, now: float) -> None:
        shown = sorted_lanes(view.state, view.review, self.wanted)
        self.query_one("#nodes", Table).set_rows(
            [name for name, _ in shown], lambda width: node_lines(view.state, shown, now, width)
        )
        needy = failed_nodes(shown)
        head = f"Machines: {len(shown)}" + (
            f", {len(needy)} need{'' if len(needy) > 1 else 's'} attention (Enter for details)" if needy else ""
        )
        put(self.query_one("#nodes-head", Static), head)

    def _show_failure(self, state: State, running: bool) -> None:
        panel = self._lines("failure")
        failure = state.failure
        stopped = failure is not None and not running
        panel.set_class(not stopped, "hidden")
        if failure is not None and stopped:
            keys = "r retry   m modify the site   b write a support bundle"
            if failure.kind == "blocked" and failure.step == "review":
                keys = "F2, then Review: confirm which disks are wiped"
            elif failure.step == "deploy" and failure.machine:
                keys = "Enter: retry, replace or drop it   r retry   m modify site   b bundle"
            panel.fill(lambda width: [*failure_lines(failure, width), [(" " * 9 + keys, "strong")]])

    def _show_part(self, view: View, now: float) -> None:
        pane, state, named = self._lines("log"), view.state, names(view.review)
        if self._part == "steps":
            pane.fill(lambda width: step_lines(state, now, width))
        elif self._part == "stack":
            pane.fill(lambda width: stack_lines(state, self.wanted, width))
        else:
            pane.fill(lambda width: log_lines(state.log, named, self.node, self.wanted, width))
        whose = _PARTS[self._part]
        if self._part == "log":
            whose += f" of {self.node}" if self.node else " of all machines"
        put(self.query_one("#log-head", Static), whose + (f", matching '{self.wanted}'" if self.wanted else ""))

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
