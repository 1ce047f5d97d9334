"""The machines with verdict and role, and the operator's word on each: it writes `machines` in site.yaml, nothing else."""

from __future__ import annotations

from asyncio import Lock
from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line, Rows
from seedvm.site.review import ReviewMachine
from tui.screens.blinking import MachinesPage
from tui.screens.page import matches
from tui.state.files import Known
from tui.state.watcher import View
from tui.text.format import fit
from tui.widgets.lines import Lines
from tui.widgets.table import Table

_ROLES = {"": "as proposed", "undercloud": "undercloud", "spare": "spare", "exclude": "excluded"}
_DEPLOYED = ("undercloud", "spare")


def machine_row(machine: ReviewMachine, word: str, width: int) -> str:
    """A machine of the review."""
    size = f"{machine.cpus} cpu {machine.memory_mib / 1024:.0f} GiB" if machine.cpus else "-"
    disks = "+".join(f"{disk.size_gib:.0f}" for disk in machine.disks)
    status = machine.why if machine.verdict == "unfit" else machine.role
    head = f"{machine.bmc:<15} {fit(size, 13)} {fit(disks and disks + ' GiB', 9)} {fit(_ROLES.get(word, word), 11)} "
    return head + fit(f"{machine.verdict}: {status}", max(1, width - len(head))).rstrip()


def known_row(machine: Known, word: str, width: int) -> str:
    """A machine that was found and not inspected yet."""
    status = machine.unfit or (f"account {machine.user}" if machine.user else "found")
    head = f"{machine.bmc:<15} {fit(machine.maker or '-', 23)} {fit(_ROLES.get(word, word), 11)} "
    return head + fit(status, max(1, width - len(head))).rstrip()


def more_lines(machine: ReviewMachine | Known | None, width: int) -> list[Line]:
    """The marked machine whole: verdict with its reason, then each disk and what it holds, or the cure."""
    if machine is None:
        return []
    if isinstance(machine, Known):
        texts = [machine.unfit or "found; not inspected yet", *([f"fix: {machine.cure}"] if machine.cure else [])]
        return [[(fit(text, width).rstrip(), "bad" if machine.unfit else "dim")] for text in texts]
    lines: list[Line] = []
    for part in wrap(f"{machine.bmc} {machine.verdict}: {machine.why or machine.role}", max(20, width)):
        lines.append([(part, "bad" if machine.verdict == "unfit" else "strong")])
    for disk in machine.disks:
        mark = "WIPE" if disk.wipe else "keep"
        text = (
            f"{mark} {disk.name} serial {disk.serial or '-'} {disk.size_gib:.0f} GiB  holds: {disk.holds or 'unknown'}"
        )
        lines.append([(fit(text, width).rstrip(), "bad" if disk.wipe else "dim")])
    return lines


class HardwarePage(MachinesPage):
    """Verdicts, roles proposed and editable."""

    NAME: ClassVar[str] = "Hardware"
    ABOUT: ClassVar[str] = "verdicts and roles of the machines"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
One line per machine: BMC, size, disks, your override, and the verdict of the
inspection with its reason. The engine proposes roles. You can override the
role of the selected machine:

u   make it a node of the undercloud
s   make it a spare (the rehearsal deploys one)
x   exclude it: it is neither powered nor written
a   automatic: use the proposed role
i   say rack and U: the list and the picture are in that order
l   blink its light, to find it in the rack; it stops by itself

Overrides are saved to site.yaml at once and take effect when the engine
starts again. r starts it; it then asks you to confirm a new review."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "say('undercloud')", "Undercloud", key_display="u"),
        Binding("s", "say('spare')", "Spare", key_display="s"),
        Binding("x", "say('exclude')", "Exclude", key_display="x"),
        Binding("i", "place", "Rack and U", key_display="i", show=False),
        Binding("l", "blink", "Light", key_display="l", show=False),
        Binding("a", "say('')", "Auto", key_display="a"),
        Binding("r", "retry", "Start", key_display="r", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._roles: dict[str, str] = {}
        self._asked = ""
        self._places: dict[str, str] = {}
        self._turn = Lock()  # one word is written after the other

    def body(self) -> ComposeResult:
        """The table."""
        yield Static("BMC             Size          Disks     Override    Verdict", classes="head", markup=False)
        yield Table(id="list")
        yield Lines(id="more")
        with Horizontal(id="prompt", classes="hidden"):
            yield Static("Rack and U > ", id="prompt-mark", markup=False)
            yield Input(id="typed", max_length=48, placeholder="A1 21, or A1 21-22; empty: not known")
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """The keys move in the table."""
        self.query_one("#more", Lines).can_focus = False
        self.query_one("#list", Table).focus()
        self.load()

    @work(exit_on_error=False)
    async def load(self) -> None:
        """What site.yaml says so far."""
        async with self._turn:
            self._roles = await self.shell.link.roles()
        self.refresh_view()

    def show(self, view: View, now: float) -> None:
        """Rows of the review, or of the inventory before there is one; below what is known of the marked one."""
        reviewed: list[ReviewMachine | Known] = list(view.review.machines) if view.review else []
        seen = {one.bmc for one in reviewed}
        every = reviewed + [one for one in view.inventory if one.bmc not in seen]
        places = {one.bmc: (number, str(one.place)) for number, one in enumerate(self.shell.census.of(view))}
        every.sort(key=lambda one: places.get(one.bmc, (len(places), ""))[0])
        self._places = {bmc: place for bmc, (_, place) in places.items()}
        rows = [one for one in every if matches(self._row(one, 200), self.wanted)]
        table = self.query_one("#list", Table)
        if rows:
            table.set_rows([one.bmc for one in rows], lambda width: Rows(rows, lambda one: self._line(one, width)))
        else:
            table.set_rows([], lambda _width: [[("no machines known yet", "dim")]])
        self._show_more(next((one for one in rows if one.bmc == table.marked), None))

    def _row(self, one: ReviewMachine | Known, width: int) -> str:
        word = self._roles.get(one.bmc, "")
        return machine_row(one, word, width) if isinstance(one, ReviewMachine) else known_row(one, word, width)

    def _line(self, one: ReviewMachine | Known, width: int) -> Line:
        bad = one.verdict == "unfit" if isinstance(one, ReviewMachine) else bool(one.unfit)
        return [(self._row(one, width), "bad" if bad else "")]

    def _show_more(self, one: ReviewMachine | Known | None) -> None:
        place = self._places.get(one.bmc, "") if one is not None else ""
        stands = f"stands at {place}" if place else "rack and unit are not known: i says them"
        self.query_one("#more", Lines).fill(
            lambda width: [*more_lines(one, width), [(fit(stands, width).rstrip(), "dim")]] if one is not None else []
        )

    def action_place(self) -> None:
        """Ask where the marked machine stands."""
        if self.marked_bmc():
            self._asked = self.marked_bmc()
            self.query_one("#prompt").remove_class("hidden")
            self.query_one("#typed", Input).focus()
            self.answer(f"Where is {self._asked}? l makes it blink. Enter saves, Esc leaves it as it is.")

    def action_back(self) -> None:
        """End the question, else go back."""
        if self._asked:
            self._end()
            self.answer("")
        else:
            super().action_back()

    def _end(self) -> None:
        self._asked = ""
        self.query_one("#typed", Input).value = ""
        self.query_one("#prompt").add_class("hidden")
        self.query_one("#list", Table).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the question."""
        if event.input.id == "typed":
            event.stop()
            self.put_into_rack(self._asked, event.value)
        else:
            super().on_input_submitted(event)

    @work(exit_on_error=False, group="say")
    async def put_into_rack(self, bmc: str, typed: str) -> None:
        """Write it."""
        async with self._turn:
            try:
                await self.shell.link.write_place(bmc, typed)
            except (SeedvmError, OSError) as error:
                self.answer(str(error), bad=True)
                return
        self._end()
        self.answer(f"{bmc}: {typed.strip() or 'rack and U not known'}")
        self.refresh_view()

    def marked_bmc(self) -> str:
        """That of the marked row."""
        return self.query_one("#list", Table).marked

    def on_table_moved(self) -> None:
        """Another machine is marked: say more of that one."""
        self.refresh_view()

    def action_say(self, role: str) -> None:
        """The operator's word on the marked machine; one that nobody can log in to can only be left out."""
        bmc = self.query_one("#list", Table).marked
        known = next((one for one in self.shell.view.inventory if one.bmc == bmc), None)
        if known is not None and role in _DEPLOYED and known.unfit and not known.user:
            cure = f"; {known.cure}" if known.cure else ""
            self.answer(f"Not saved: {bmc} has no proven account ({known.unfit}){cure}", bad=True)
        elif bmc:
            self.say(bmc, role)

    @work(exit_on_error=False, group="say")
    async def say(self, bmc: str, role: str) -> None:
        """Write it."""
        async with self._turn:
            try:
                await self.shell.link.write_roles({bmc: role})
            except (SeedvmError, OSError) as error:
                self.answer(f"Not saved: {error}", bad=True)
                return
        self._roles[bmc] = role
        self.answer(f"{bmc}: {_ROLES[role]}; takes effect when the engine starts again (r)")
        self.refresh_view()

    @work(exit_on_error=False, exclusive=True, group="retry")
    async def action_retry(self) -> None:
        """Start the engine, which looks first, once every word is written."""
        async with self._turn:
            running = self.shell.view.running
        if not running:
            self.shell.start_engine()
            self.shell.go("progress")
