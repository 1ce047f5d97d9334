"""The BMCs on the wire, each fact with where it came from, and a scan at hand whose cost is said first. It sends no password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from seedvm.errors import SeedvmError
from seedvm.scan.evidence import Bmc
from seedvm.scan.sweep import PACKETS_A_BMC
from tui.page import Page, matches, put
from tui.records import Known
from tui.watch import View
from tui.widgets.lines import Line, Lines, Rows
from tui.words import fit

_WHO = ("vendor", "product", "redfish-version", "guid", "uuid")


def known_line(machine: Known, width: int) -> Line:
    """A machine that the engine has noted."""
    style, standing = (
        ("bad", machine.unfit)
        if machine.unfit
        else ("good", f"account {machine.user}")
        if machine.user
        else ("", "found")
    )
    facts = {name: value for name, value, _ in machine.facts}
    maker = machine.maker or " ".join(facts[name] for name in _WHO[:2] if name in facts)
    head = f"{machine.bmc:<15} {'/'.join(machine.protocols):<22} {fit(maker or '-', 14)} "
    return [(head, ""), (fit(standing, max(1, width - len(head))).rstrip(), style)]


def scanned_line(bmc: Bmc, width: int) -> Line:
    """A BMC that this page's own scan has seen and the engine has not noted yet."""
    who = " ".join(filter(None, (bmc.fact(name) for name in _WHO)))
    head = f"{bmc.address:<15} {'/'.join(bmc.protocols) or 'answers':<22} "
    return [(head, "busy"), (fit(who or "seen just now", max(1, width - len(head))).rstrip(), "dim")]


@dataclass(frozen=True)
class Fact:
    """A fact of a BMC and the packet that it came from."""

    bmc: str
    name: str
    value: str
    source: str


def facts_of(one: Known | Bmc) -> list[Fact]:
    """Where everything that is known of a BMC came from."""
    if isinstance(one, Known):
        return [Fact(one.bmc, *fact) for fact in one.facts]
    return [Fact(one.address, e.fact, e.value, e.source) for e in one.evidence]


def row_line(one: Known | Bmc | Fact, width: int) -> Line:
    """One row of the table."""
    if isinstance(one, Known):
        return known_line(one, width)
    if isinstance(one, Bmc):
        return scanned_line(one, width)
    return [(fit(f"    {one.name}: {one.value}  ({one.source})", width).rstrip(), "dim")]


def row_text(one: Known | Bmc | Fact) -> str:
    """What a row is searched by."""
    bmc = one.address if isinstance(one, Bmc) else one.bmc
    return f"{bmc} " + "".join(span[0] for span in row_line(one, 300))


class DiscoveryPage(Page):
    """The live table."""

    NAME: ClassVar[str] = "Discovery"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Every BMC that answers in the declared ranges, by RMCP presence ping and by
the Redfish service root. F5 scans now: how many packets it sends and how
long it takes is said first. No password is sent, nothing is changed.

e   shows or hides where each fact came from
/   searches; arrows and PageUp/PageDown scroll
F10 goes on to the credentials"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "scan", "Scan", key_display="F5"),
        Binding("e", "evidence", "Evidence", key_display="e"),
        Binding("f10", "app.go('credentials')", "Credentials", key_display="F10"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Bmc] = {}
        self._evidence = False

    def body(self) -> ComposeResult:
        """Budget, table."""
        yield Static(id="budget", classes="note", markup=False)
        yield Lines(id="bmcs")
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """The keys scroll the table."""
        self.query_one("#bmcs", Lines).focus()

    def on_screen_resume(self) -> None:
        """The ranges may have been changed meanwhile."""
        super().on_screen_resume()
        self.tell_budget()

    @work(exit_on_error=False)
    async def tell_budget(self) -> None:
        """Say what a scan would send, before it is started."""
        try:
            budget = await self.shell.link.scan_budget()
            cost = f"{budget.packets} packets, {budget.seconds:g} s, +{PACKETS_A_BMC} per BMC"
            text = f"F5 asks {budget.addresses} addresses: {cost}; no password."
        except SeedvmError as error:
            text = f"No scan yet: {error.what}"
        put(self.query_one("#budget", Static), text)

    def show(self, view: View, now: float) -> None:
        """What the engine noted, then what only this scan has seen."""
        self.query_one("#bmcs", Lines).fill(lambda width: self._rows(view, width))

    def _rows(self, view: View, width: int) -> Sequence[Line]:
        noted = {machine.bmc for machine in view.inventory}
        fresh = [bmc for address, bmc in sorted(self._seen.items()) if address not in noted]
        items: list[Known | Bmc | Fact] = []
        every: list[Known | Bmc] = [*view.inventory, *fresh]
        for one in every:
            items.append(one)
            if self._evidence:
                items.extend(facts_of(one))
        if self.wanted:
            items = [one for one in items if matches(row_text(one), self.wanted)]
        return Rows(items, lambda one: row_line(one, width)) if items else [[("nothing seen yet", "dim")]]

    def action_evidence(self) -> None:
        """With or without sources."""
        self._evidence = not self._evidence
        self.refresh_view()

    @work(exit_on_error=False, exclusive=True, group="scan")
    async def action_scan(self) -> None:
        """Scan the declared ranges; each BMC appears as it answers."""
        answer = self.query_one("#answer", Static)
        put(answer, "Scanning ...")
        self._seen = {}
        try:
            result = await self.shell.link.scan(self._found)
        except (SeedvmError, OSError) as error:
            put(answer, f"No scan: {error}")
            return
        put(answer, f"{len(result.bmcs)} BMCs; {result.packets} packets in {result.seconds:.1f} s")
        self.refresh_view()

    def _found(self, bmc: Bmc) -> None:
        self._seen[bmc.address] = bmc
        self.refresh_view()
