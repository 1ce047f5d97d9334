"""Every machine and disk that would be wiped, and the site's name typed to allow it. It refuses any other word."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.site.review import Review, ReviewMachine
from tui.screens.page import Page, matches, put
from tui.state.watcher import View
from tui.text.format import fit
from tui.widgets.lines import Lines


def review_lines(review: Review, wanted: str, width: int) -> list[Line]:
    """What would be wiped, then what would not, with the reason."""
    wipe = [m for m in review.to_wipe if matches(_row(m), wanted)]
    rest = [m for m in review.untouched if matches(_row(m), wanted)]
    disks = sum(len(m.wiped) for m in review.to_wipe)
    lines: list[Line] = [[(f"WILL BE WIPED: {disks} disks of {len(review.to_wipe)} machines", "bad")]]
    for machine in wipe:
        lines.append([(fit(_row(machine), width).rstrip(), "strong")])
        lines.extend(_disk_lines(machine, width))
    lines.append([("", "")])
    lines.append([(f"NOT TOUCHED: {len(review.untouched)} machines", "good")])
    for machine in rest:
        lines.append([(fit(_row(machine), width).rstrip(), "")])
        why = f"{machine.verdict}: {machine.why or 'none of its disks is needed'}"
        lines.extend([(f"    {part}", "dim")] for part in wrap(why, max(20, width - 4))[:3])
    return lines


def _row(machine: ReviewMachine) -> str:
    memory = f"{machine.cpus} cpu {machine.memory_mib / 1024:.0f} GiB" if machine.cpus else ""
    who = f"{machine.bmc:<15} {machine.name or '-':<20} {machine.role:<10} {machine.driver:<8}"
    return f"{who} {machine.serial or '-':<10} {memory}".rstrip()


def _disk_lines(machine: ReviewMachine, width: int) -> list[Line]:
    lines: list[Line] = []
    for disk in machine.disks:
        mark, style = ("WIPE ", "bad") if disk.wipe else ("keep ", "dim")
        text = f"{disk.name}  serial {disk.serial or '-'}  {disk.size_gib:.0f} GiB  holds: {disk.holds or 'unknown'}"
        lines.append([("    ", ""), (mark, style), (fit(text, max(1, width - 9)).rstrip(), "")])
    return lines


OFFERS = {
    "none": "If this laptop is lost, its keys and new BMC passwords are too. F9: save them to a stick",
    "old": "The passwords have changed since the last bundle. F9: save them to a stick",
}


class ReviewPage(Page):
    """The one stop before anything is destroyed."""

    NAME: ClassVar[str] = "Review"
    ABOUT: ClassVar[str] = "disks to be wiped; confirm with the site name"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
This is the only stop before anything is destroyed. Every disk marked WIPE is
overwritten; nothing else is written or powered from here on. Compare serial
numbers, not only names.

To confirm, type the site name exactly and press Enter. Any other text changes
nothing. Tab moves to the list (arrows scroll, / searches). Esc goes back
without confirming.

To exclude a machine: press F6, select it there and press x. Then start the
engine again (r); it shows you a new review."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f6", "app.go('hardware')", "Exclude a machine", key_display="F6"),
        Binding("f9", "app.go('bundle')", "Save the site", key_display="F9"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._listed: tuple[Review, str] | None = None

    def body(self) -> ComposeResult:
        """The list and the question."""
        yield Lines(id="machines")
        yield Static(id="offer", classes="hidden", markup=False)
        yield Static(id="question", markup=False)
        with Horizontal(id="prompt"):
            yield Static("> ", classes="mark", markup=False)
            yield Input(id="typed", max_length=64)
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """The keys go to the question."""
        self.query_one("#typed", Input).focus()

    def show(self, view: View, now: float) -> None:
        """The review as the engine wrote it last."""
        machines = self.query_one("#machines", Lines)
        prompt = self.query_one("#prompt")
        if view.review is None:
            self._listed = None
            machines.fill(lambda _width: [[("Nothing to review yet: the engine has not reached this step.", "dim")]])
            question = "The list appears here automatically. Esc: back."
        else:
            self._list(machines, view.review)
            question = f"Type the site name ({view.review.site}) to allow wiping these disks:"
            if view.confirmed:
                question = "Already confirmed: these disks, and no others, will be wiped."
        offer = self.query_one("#offer", Static)
        offer.set_class(view.review is None or view.confirmed or view.bundle not in OFFERS, "hidden")
        put(offer, OFFERS.get(view.bundle, ""))
        prompt.set_class(view.review is None or view.confirmed, "hidden")
        put(self.query_one("#question", Static), question)

    def _list(self, machines: Lines, review: Review) -> None:
        # A review of a thousand machines is drawn again only when it is another one.
        wanted = self.wanted
        if self._listed is None or self._listed[0] is not review or self._listed[1] != wanted:
            if self._listed is not None and self._listed[0] is not review:
                self.query_one("#typed", Input).value = ""  # it was typed for other disks
            self._listed = review, wanted
            machines.fill(lambda width: review_lines(review, wanted, width))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the question; in the search line it only ends the search."""
        if event.input.id == "typed":
            event.stop()
            self.confirm(event.value)
        else:
            super().on_input_submitted(event)

    @work(exit_on_error=False)
    async def confirm(self, typed: str) -> None:
        """Write the confirmation and have the engine started, or say what is wrong."""
        self.query_one("#typed", Input).value = ""  # a refused name is no beginning of the next one
        try:
            await self.shell.link.confirm(typed.strip())
        except SeedvmError as error:
            self.answer(str(error), bad=True)
            return
        self.answer("")
        self.shell.start_engine()
        self.shell.go("progress")
