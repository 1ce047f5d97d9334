"""The work as it goes: steps, machines side by side, time left, log, and what to do when it stopped. It decides nothing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from tui.model import State
from tui.page import Page, put
from tui.view import (
    failure_lines,
    lanes,
    log_lines,
    names,
    node_lines,
    overall_line,
    progress_text,
    standing,
    step_lines,
)
from tui.watch import View
from tui.widgets.lines import Lines


class ProgressPage(Page):
    """The deploy dashboard."""

    NAME: ClassVar[str] = "Progress"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Top: how far the whole road is, and the time left, taken from the steps that
are done. Left: the steps. [x] done, [>] running (seconds so far / as a rule),
[ ] to do (as a rule), [!] failed, [?] waits for you.
Right: a lane per machine, with its phase, the share of the whole way, the
percent of this phase. Below: the log.

f   log of the next machine only; after the last one, of all
/   search in the log; Esc ends the search
r   when it stopped: start the engine again; it looks first and goes on
s   change the site, then retry
b   write a support bundle (no secret in it)
h   the hand-off
Tab moves between the parts, arrows and PageUp/PageDown scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "Filter log", key_display="f"),
        Binding("r", "retry", "Retry", key_display="r"),
        Binding("h", "app.go('handoff')", "Hand-off", key_display="h"),
        Binding("s", "app.go('networks')", "Change site", key_display="s", show=False),
        Binding("b", "bundle", "Bundle", key_display="b"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.node = ""

    def body(self) -> ComposeResult:
        """Overall, steps beside lanes, failure, log."""
        yield Static(id="now", markup=False)
        yield Lines(id="overall")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Static("Steps", classes="head", markup=False)
                yield Lines(id="steps")
            with Vertical(id="right"):
                yield Static("Machines", classes="head", markup=False)
                yield Lines(id="nodes")
        yield Lines(id="failure", classes="hidden")
        yield Static(id="log-head", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """One line needs no focus."""
        self.query_one("#overall", Lines).can_focus = False
        self.query_one("#log", Lines).focus()

    def show(self, view: View, now: float) -> None:
        """All parts."""
        state = view.state
        step = state.current
        tell = progress_text(step) if step is not None and step.state == "running" else ""
        put(
            self.query_one("#now", Static),
            " ".join(filter(None, (" " + (view.notice or standing(state, view.running)), tell))),
        )
        self._lines("overall").fill(lambda width: [overall_line(state, now, width)])
        steps = self._lines("steps")
        steps.fill(lambda width: step_lines(state, now, width))
        if step is not None and not steps.has_focus:
            steps.show_line(state.steps.index(step))
        nodes = self._lines("nodes")
        nodes.fill(lambda width: node_lines(state, view.review, now, width))
        self._show_failure(state, view.running)
        self._show_log(view)

    def _lines(self, name: str) -> Lines:
        return self.query_one(f"#{name}", Lines)

    def _show_failure(self, state: State, running: bool) -> None:
        panel = self._lines("failure")
        stopped = state.failure is not None and not running
        panel.set_class(not stopped, "hidden")
        failure = state.failure
        if failure is not None and stopped:
            keys = "r retry   s change the site   b write a support bundle"
            if failure.kind == "blocked" and failure.step == "review":
                keys = "F2 review: confirm there what may be wiped"
            panel.fill(lambda width: [*failure_lines(failure, width), [(" " * 9 + keys, "strong")]])

    def _show_log(self, view: View) -> None:
        log = self._lines("log")
        named = names(view.review)
        whose = f"Log of {self.node}" if self.node else "Log of all machines"
        put(self.query_one("#log-head", Static), whose + (f", with '{self.wanted}'" if self.wanted else ""))
        log.fill(lambda width: log_lines(view.state.log, named, self.node, self.wanted, width))

    def action_filter(self) -> None:
        """The next machine's log, then all again."""
        view = self.shell.view
        named = names(view.review)
        ring = ["", *sorted({named.get(lane.node, lane.node) for lane in lanes(view.state, view.review)})]
        self.node = ring[(ring.index(self.node) + 1) % len(ring)] if self.node in ring else ""
        self.refresh_view()

    def action_retry(self) -> None:
        """Start the engine again."""
        if not self.shell.view.running:
            self.shell.start_engine()

    def action_bundle(self) -> None:
        """Write a support bundle."""
        self.shell.make_bundle()
