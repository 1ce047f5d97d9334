"""The hand-off: its phases, the measured figures, the light. It never says more than the journal and the receipt."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.page import Page, matches
from tui.view import fact_lines, log_lines, names, phase_lines
from tui.watch import View
from tui.widgets.lines import Lines

_STEPS = ("handoff", "leave", "join")


class HandoffPage(Page):
    """The hand-off dashboard."""

    NAME: ClassVar[str] = "Hand-off"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Eight phases move everything the seed knows into the undercloud. Before COMMIT
every failure goes back, after it every failure goes forward. Do not switch
the laptop off before the light below says YES: it waits for the receipt,
which is written only after the undercloud has worked with the seed cut off.

Figures appear as they are measured. c opens the receipt, / searches."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "app.go('receipt')", "Receipt", key_display="c"),
        Binding("h", "app.go('progress')", "Progress", key_display="h"),
    ]

    def body(self) -> ComposeResult:
        """Phases, figures, log."""
        yield Static("Phases", classes="head", markup=False)
        yield Lines(id="phases")
        yield Static("Measured", classes="head", markup=False)
        yield Lines(id="facts")
        yield Static("Log of the hand-off", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """The keys scroll the log."""
        self.query_one("#phases", Lines).can_focus = False
        self.query_one("#log", Lines).focus()

    def show(self, view: View, now: float) -> None:
        """Phases, figures and the log of these stretches."""
        state = view.state
        phases, facts, log = (self.query_one(f"#{name}", Lines) for name in ("phases", "facts", "log"))
        phases.fill(lambda width: phase_lines(state, width))
        facts.fill(
            lambda width: (
                [line for line in fact_lines(state, width) if matches("".join(span[0] for span in line), self.wanted)]
                or [[("nothing measured yet", "dim")]]
            )
        )
        theirs = {step.name for step in state.steps if step.stretch in _STEPS}
        lines = [line for line in state.log if line.step in theirs]
        log.fill(lambda width: log_lines(lines, names(view.review), "", self.wanted, width))
