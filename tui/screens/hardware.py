"""The machines with verdict and role, and the operator's word on each: it writes `machines` in site.yaml, nothing else."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from seedvm.errors import SeedvmError
from tui.page import Page, matches, put
from tui.records import Known, Machine
from tui.watch import View
from tui.words import fit

_ROLES = {"": "as proposed", "undercloud": "undercloud", "spare": "spare", "exclude": "leave out"}


def machine_row(machine: Machine, word: str, width: int) -> str:
    """A machine of the review."""
    size = f"{machine.cpus} cpu {machine.memory_mib / 1024:.0f} GiB" if machine.cpus else "-"
    disks = "+".join(f"{disk.size_gib:.0f}" for disk in machine.disks)
    told = machine.why if machine.verdict == "unfit" else machine.role
    head = f"{machine.bmc:<15} {fit(size, 13)} {fit(disks and disks + ' GB', 9)} {fit(_ROLES.get(word, word), 11)} "
    return head + fit(f"{machine.verdict}: {told}", max(1, width - len(head))).rstrip()


def known_row(machine: Known, word: str, width: int) -> str:
    """A machine that was found and not inspected yet."""
    told = machine.unfit or (f"account {machine.user}" if machine.user else "found")
    head = f"{machine.bmc:<15} {fit(machine.maker or '-', 23)} {fit(_ROLES.get(word, word), 11)} "
    return head + fit(told, max(1, width - len(head))).rstrip()


class HardwarePage(Page):
    """Verdicts, roles proposed and editable."""

    NAME: ClassVar[str] = "Hardware"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
A line per machine: BMC, size, disks, what you say of it, and the verdict of
the inspection with its reason. The engine proposes roles; you may overrule
it for the machine that is marked:

u   it is to be a node of the undercloud
s   it is a spare (the rehearsal deploys one)
x   leave it out: it is neither powered nor written
a   as proposed

Your word is written into site.yaml at once, and counts from the engine's next
start: r starts it, and it asks for the review again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "say('undercloud')", "Undercloud", key_display="u"),
        Binding("s", "say('spare')", "Spare", key_display="s"),
        Binding("x", "say('exclude')", "Leave out", key_display="x"),
        Binding("a", "say('')", "As proposed", key_display="a"),
        Binding("r", "retry", "Start", key_display="r"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._roles: dict[str, str] = {}
        self._rows: list[tuple[str, str]] = []

    def body(self) -> ComposeResult:
        """The table."""
        yield Static("BMC             Size          Disks     Your word   Verdict", classes="head", markup=False)
        yield OptionList(id="list")
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """The keys move in the table."""
        self.query_one("#list", OptionList).focus()
        self.load()

    @work(exit_on_error=False)
    async def load(self) -> None:
        """What site.yaml says so far."""
        self._roles = await self.shell.link.roles()
        self.refresh_view()

    def show(self, view: View, now: float) -> None:
        """Rows of the review, or of the inventory before there is one."""
        table = self.query_one("#list", OptionList)
        width = table.scrollable_content_region.width
        reviewed = view.review.machines if view.review else ()
        rows = [(m.bmc, machine_row(m, self._roles.get(m.bmc, ""), width)) for m in reviewed]
        seen = {bmc for bmc, _ in rows}
        rows += [(m.bmc, known_row(m, self._roles.get(m.bmc, ""), width)) for m in view.inventory if m.bmc not in seen]
        rows = [row for row in rows if matches(row[1], self.wanted)]
        if rows == self._rows and table.option_count:
            return
        marked = table.highlighted
        self._rows = rows
        table.clear_options()
        table.add_options([Option(text) for _, text in rows] or [Option("no machine is known yet", disabled=True)])
        if rows:
            table.highlighted = min(marked or 0, len(rows) - 1)

    @work(exit_on_error=False, exclusive=True, group="say")
    async def action_say(self, role: str) -> None:
        """The operator's word on the marked machine."""
        marked = self.query_one("#list", OptionList).highlighted
        if marked is None or marked >= len(self._rows):
            return
        bmc = self._rows[marked][0]
        try:
            await self.shell.link.write_roles({bmc: role})
        except (SeedvmError, OSError) as error:
            put(self.query_one("#answer", Static), f"Not saved: {error}")
            return
        self._roles[bmc] = role
        put(self.query_one("#answer", Static), f"{bmc}: {_ROLES[role]}; counts from the engine's next start (r)")
        self.refresh_view()

    def action_retry(self) -> None:
        """Start the engine, which looks first."""
        if not self.shell.view.running:
            self.shell.start_engine()
            self.shell.go("progress")
