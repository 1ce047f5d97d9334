"""The hand-off: its phases, the evidence as it comes in, the point of no return. It never says more than the journal and the receipt."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from tui.screens.page import Page, put
from tui.state.machines import names
from tui.state.watcher import View
from tui.text.handoff import duty_lines, evidence_rows, phase_rows
from tui.text.handoff_picture import picture
from tui.text.progress import failure_lines, log_lines
from tui.widgets.lines import Lines, Maker

_STEPS = ("handoff", "leave", "join")
_UNDONE = ("QUIESCE", "FENCE", "COMMIT")
_HIGH = 30
"""Rows from which picture and failure stand one above the other."""


class HandoffPage(Page):
    """The hand-off dashboard."""

    NAME: ClassVar[str] = "Hand-off"
    ABOUT: ClassVar[str] = "phases, evidence, point of no return"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Left the seed, right the undercloud, between them what moves: services, the
database, the VIP. The line in the middle is COMMIT, which is crossed once.
Below: the phases with their times and results, and the evidence: what was
compared and decrypted on every node, how long the API did not answer (now,
the longest gap, and a curve), and how long writes are or were refused.

Before COMMIT, every failure is rolled back. After COMMIT, nothing is rolled
back: the engine resumes until the hand-off is complete. Do not switch the
laptop off before the bar below says YES: that requires the receipt, which is
written only after the undercloud has worked without the seed. What can no
longer be measured is a doubt; the receipt page (c) takes your word on it.

r   after a stop: start the engine again; it checks the state and resumes
z   before COMMIT: undo the hand-off. The engine stops, changes are accepted
    again, the seed's services run. You confirm by typing the site name
c   the receipt      h  the progress      /  searches the log"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "app.go('receipt')", "Receipt", key_display="c"),
        Binding("h", "app.go('progress')", "Progress", key_display="h"),
        Binding("r", "retry", "Retry", key_display="r"),
        Binding("z", "undo", "Undo", key_display="z"),
        Binding("m", "app.go('networks')", "Modify site", key_display="m", show=False),
        Binding("b", "bundle", "Bundle", key_display="b", show=False),
    ]

    def body(self) -> ComposeResult:
        """The picture, phases beside the evidence, what somebody does, failure, log."""
        yield Lines(id="picture")
        with Horizontal(id="figures"):
            yield Lines(id="phases")
            yield Lines(id="evidence")
        yield Lines(id="duty")
        yield Lines(id="failure", classes="hidden")
        yield Static(id="offer", classes="hidden", markup=False)
        with Horizontal(id="prompt", classes="hidden"):
            yield Static("> ", classes="mark", markup=False)
            yield Input(id="typed", max_length=64)
        yield Static(id="answer", classes="hidden", markup=False)
        yield Static("What happened", id="log-head", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """The keys scroll the log."""
        for name in ("picture", "phases", "evidence", "duty"):
            self.query_one(f"#{name}", Lines).can_focus = False
        self.query_one("#log", Lines).focus()

    def show(self, view: View, now: float) -> None:
        """All parts; on a low screen a failure, a question or a search takes the place of the picture: it is what is looked at."""
        state = view.state
        made: dict[str, Maker] = {
            "picture": lambda width: picture(view, width),
            "phases": lambda width: phase_rows(state, now, width),
            "evidence": lambda width: evidence_rows(state, now, width),
            "duty": lambda width: duty_lines(view, width),
        }
        for name, maker in made.items():
            self.query_one(f"#{name}", Lines).fill(maker)
        stopped = self._show_failure(view)
        asks = any(not self.query_one(one).has_class("hidden") for one in ("#prompt", "#search")) or bool(self.wanted)
        low = self.size.height < _HIGH
        self.query_one("#picture").set_class((stopped or asks) and low, "hidden")
        self.query_one("#log-head").set_class(low and not asks, "hidden")
        theirs = {step.name for step in state.steps if step.stage in _STEPS}
        log, named = [line for line in state.log if line.step in theirs], names(view.review)
        found = f", matching '{self.wanted}'" if self.wanted else ""
        put(self.query_one("#log-head", Static), f"What happened{found}")
        self.query_one("#log", Lines).fill(lambda width: log_lines(log, named, "", self.wanted, width))

    def _show_failure(self, view: View) -> bool:
        """Whether the hand-off stopped; then with its cause and the keys that lead on."""
        failure, panel = view.state.failure, self.query_one("#failure", Lines)
        theirs = {step.name for step in view.state.steps if step.stage in _STEPS}
        if failure is None or view.running or failure.step not in theirs:
            panel.add_class("hidden")
            return False
        panel.remove_class("hidden")
        doubts = "c accept the doubts   " if view.receipt is not None and view.receipt.open else ""
        keys = f"{doubts}r retry   m modify the site   b write a support bundle"
        panel.fill(lambda width: [*failure_lines(failure, width), [(" " * 9 + keys, "strong")]])
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to undo before the hand-off, and no way back after COMMIT."""
        if action == "undo":
            phases = self.shell.view.state.phases
            begun = any(name in phases and phases[name].state != "undone" for name in _UNDONE)
            return begun and not ("COMMIT" in phases and phases["COMMIT"].state == "done")
        return super().check_action(action, parameters)

    def action_undo(self) -> None:
        """Ask for the site's name."""
        question = (
            "This undoes the hand-off: the engine stops, changes are accepted again, and the seed's services run."
        )
        put(
            self.query_one("#offer", Static),
            f"{question} To confirm, type the site's name: {self.shell.view.state.site}",
        )
        for name in ("offer", "prompt"):
            self.query_one(f"#{name}").remove_class("hidden")
        self.query_one("#typed", Input).focus()
        self.refresh_view()

    def action_back(self) -> None:
        """End the question, else go back."""
        if self.query_one("#prompt").has_class("hidden"):
            super().action_back()
        else:
            self._end()

    def _end(self) -> None:
        self.query_one("#typed", Input).value = ""
        for name in ("offer", "prompt"):
            self.query_one(f"#{name}").add_class("hidden")
        self.query_one("#log", Lines).focus()
        self.refresh_view()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the question."""
        if event.input.id == "typed":
            event.stop()
            self.undo(event.value)
        else:
            super().on_input_submitted(event)

    @work(exit_on_error=False, exclusive=True, group="undo")
    async def undo(self, typed: str) -> None:
        """Have it undone, and say what came of it."""
        self.query_one("#answer").remove_class("hidden")
        self.answer("Undoing the hand-off ...")
        try:
            told = await self.shell.link.undo(typed)
        except (SeedvmError, OSError) as error:
            self.answer(str(error), bad=True)
            return
        self._end()
        self.answer(f"{told[:1].upper()}{told[1:]}.")

    def action_retry(self) -> None:
        """Start the engine again."""
        if not self.shell.view.running:
            self.shell.start_engine()

    def action_bundle(self) -> None:
        """Write a support bundle."""
        self.shell.make_bundle()
