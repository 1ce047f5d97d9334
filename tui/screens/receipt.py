"""The receipt, read from receipt.json, and the operator's word on its doubts. What the receipt does not say is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.site.doubts import Doubt
from tui.screens.page import Page, matches, put
from tui.state.files import ShownReceipt
from tui.state.watcher import View
from tui.text.format import fit
from tui.text.leaving import leave_lines
from tui.text.progress import light
from tui.widgets.lines import Lines

_INDENT = " " * 10
"""The column of the receipt's values."""


class ReceiptPage(Page):
    """What was verified, and whether the laptop can be disconnected."""

    NAME: ClassVar[str] = "Receipt"
    ABOUT: ClassVar[str] = "what was verified; is it safe to leave"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
The receipt is the engine's signed statement, written after the undercloud has
worked with the seed cut off. SAFE TO LEAVE: YES is shown only if the receipt
says so. The files receipt.json and receipt.txt have the same content. Above
it stands what is to be done before the laptop goes, what was proved, and
which machines are left undone.

What could not be measured is a doubt with a name. The laptop stays until
each doubt is gone or accepted. To accept one press y, type its name exactly
and press Enter: who did so and when is signed into the receipt. After the
last one the engine starts again and writes the receipt again.

y   accept a doubt      r  start the engine again, which measures again
/ searches, arrows and PageUp/PageDown scroll, Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", "Accept a doubt", key_display="y"),
        Binding("r", "retry", "Retry", key_display="r"),
    ]

    def body(self) -> ComposeResult:
        """The word, then the evidence."""
        yield Static(id="verdict", markup=False)
        yield Lines(id="evidence")
        yield Static(id="question", classes="hidden", markup=False)
        with Horizontal(id="prompt", classes="hidden"):
            yield Static("> ", classes="mark", markup=False)
            yield Input(id="typed", max_length=200)
        yield Static(id="answer", classes="hidden", markup=False)

    def on_mount(self) -> None:
        """The keys scroll."""
        self.query_one("#evidence", Lines).focus()

    def show(self, view: View, now: float) -> None:
        """The receipt's lines."""
        evidence = self.query_one("#evidence", Lines)
        receipt = view.receipt
        self._ask(receipt.open if receipt is not None and not view.running else ())
        if receipt is None:
            put(self.query_one("#verdict", Static), "No receipt yet: the engine writes it last.")
            evidence.fill(lambda _width: [])
            return
        safe, words = light(view.state, receipt)
        because = words.partition("because ")[2] if receipt.may_leave else receipt.because or "see below"
        put(
            self.query_one("#verdict", Static),
            "The laptop can be disconnected now." if safe else f"Do not disconnect the laptop yet: {because}",
        )
        self.query_one("#verdict").set_class(safe, "hidden")
        top = safe and not self.wanted
        evidence.fill(
            lambda width: [*(leave_lines(view, width) if top else ()), *self._lines(receipt, width, below=top)]
        )

    def _lines(self, receipt: ShownReceipt, width: int, *, below: bool) -> list[Line]:
        head: list[Line] = [[("", "")], [("The receipt", "strong")]] if below else []
        if receipt.page:
            shown = [line for line in receipt.page if matches(line, self.wanted)]
            return [*head, *([(part, "")] for line in shown for part in _parts(line, width))]
        figures = [one for one in receipt.lines if matches(f"{one[0]} {one[1]}", self.wanted)]
        return [
            *head,
            *([(fit(name, 36) + " ", "dim"), (fit(value, max(1, width - 37)).rstrip(), "")] for name, value in figures),
        ]

    def _ask(self, doubts: Sequence[Doubt]) -> None:
        """The question about doubts that are open; none while the engine works, for it may answer it."""
        for name in ("question", "prompt", "answer"):
            self.query_one(f"#{name}").set_class(not doubts, "hidden")
        self.refresh_bindings()
        names = ", ".join(one.name for one in doubts)
        put(self.query_one("#question", Static), f"To accept a doubt, press y and type its name: {names}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to accept, or to measure again, where no doubt is open."""
        if action in ("accept", "retry"):
            return not self.query_one("#prompt").has_class("hidden")
        return super().check_action(action, parameters)

    def action_accept(self) -> None:
        """The keys go to the question."""
        self.query_one("#typed", Input).focus()

    def action_retry(self) -> None:
        """Start the engine again."""
        if not self.shell.view.running:
            self.shell.start_engine()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the question; in the search line it only ends the search."""
        if event.input.id == "typed":
            event.stop()
            self.accept(event.value)
        else:
            super().on_input_submitted(event)

    @work(exit_on_error=False)
    async def accept(self, typed: str) -> None:
        """Keep the word and, after the last one, have the engine write the receipt again; or say what is wrong."""
        try:
            left = await self.shell.link.accept(typed.strip())
        except SeedvmError as error:
            self.answer(str(error), bad=True)
            return
        self.query_one("#typed", Input).value = ""
        self.answer(f"accepted: {typed.strip()}; {len(left)} open")
        if not left:
            self.query_one("#evidence", Lines).focus()
            self.shell.start_engine()


def _parts(line: str, width: int) -> list[str]:
    """A line of the receipt as it is, or in as many as it takes: nothing of it is cut off."""
    if len(line) <= width:
        return [line]
    return wrap(line, max(20, width), subsequent_indent=_INDENT, break_on_hyphens=False, drop_whitespace=True)
