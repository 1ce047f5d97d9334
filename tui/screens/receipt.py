"""The receipt, read from receipt.json. It adds nothing of its own: what the receipt does not say is not shown."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from tui.screens.page import Page, matches, put
from tui.state.watcher import View
from tui.text.format import fit
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
says so. The files receipt.json and receipt.txt have the same content.

/ searches, arrows and PageUp/PageDown scroll, Esc goes back."""

    def body(self) -> ComposeResult:
        """The word, then the evidence."""
        yield Static(id="verdict", markup=False)
        yield Lines(id="evidence")

    def on_mount(self) -> None:
        """The keys scroll."""
        self.query_one("#evidence", Lines).focus()

    def show(self, view: View, now: float) -> None:
        """The receipt's lines."""
        evidence = self.query_one("#evidence", Lines)
        receipt = view.receipt
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
        if receipt.page:
            shown = [line for line in receipt.page if matches(line, self.wanted)]
            evidence.fill(lambda width: [[(part, "")] for line in shown for part in _parts(line, width)])
            return
        evidence.fill(
            lambda width: [
                [(fit(name, 36) + " ", "dim"), (fit(value, max(1, width - 37)).rstrip(), "")]
                for name, value in receipt.lines
                if matches(f"{name} {value}", self.wanted)
            ]
        )


def _parts(line: str, width: int) -> list[str]:
    """A line of the receipt as it is, or in as many as it takes: nothing of it is cut off."""
    if len(line) <= width:
        return [line]
    return wrap(line, max(20, width), subsequent_indent=_INDENT, break_on_hyphens=False, drop_whitespace=True)
