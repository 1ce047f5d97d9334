"""The BMCs on the wire, each fact with where it came from; listening and a scan at hand whose cost is said first. It sends no password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line, Rows
from seedvm.scan.evidence import Bmc
from seedvm.scan.listen import Neighbour
from seedvm.scan.run import Cost
from seedvm.scan.sweep import PACKETS_A_BMC
from seedvm.site.model import BmcSite
from tui.backend.listen import SECONDS
from tui.screens.page import Page, matches, put
from tui.state.files import Known
from tui.state.watcher import View
from tui.text.discovery import HeardHost, Row, facts_of, none_found, row_line, row_text
from tui.text.format import duration
from tui.text.waiting import Wait
from tui.widgets.lines import Lines


class DiscoveryPage(Page):
    """The live table."""

    NAME: ClassVar[str] = "Discovery"
    ABOUT: ClassVar[str] = "find BMCs: listen, scan, evidence"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
w   listens for a minute on the site's BMC NICs (or on every NIC with a link,
    if the site is not described yet) and sends nothing. It shows machines
    that request an address, BMCs that announce themselves, switches and DHCP
    servers. A BMC outside the declared ranges is shown but not contacted.
    Press w again to stop.
F5  contacts every declared address by RMCP presence ping and the Redfish
    service root. The first line shows how many packets that takes and how
    long. No password is sent and nothing is changed.
e   shows or hides the source of each fact
F10 continues to the credentials        / searches"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "listen", "Listen", key_display="w", tooltip="listen for machines on the network; sends nothing"),
        Binding("f5", "scan", "Scan", key_display="F5", tooltip="contact every declared address; sends no password"),
        Binding("e", "evidence", "Evidence", key_display="e"),
        Binding("f10", "app.go('credentials')", "Next", key_display="F10"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Bmc] = {}
        self._heard: dict[tuple[str, str], HeardHost] = {}
        self._site: BmcSite | None = None
        self._wait: Wait | None = None
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
        self.tell_cost()

    @work(exit_on_error=False, exclusive=True, group="cost")
    async def tell_cost(self) -> None:
        """Say what a scan would send, before it is started."""
        try:
            cost = await self.shell.link.scan_cost()
            cost_told = f"{cost.packets} packets, {cost.seconds:g} s, +{PACKETS_A_BMC} per BMC"
            text = f"F5 scans {_whom(cost)}: {cost_told}; sends no password."
        except SeedvmError as error:
            why = error.what if self.shell.view.has_site else "the site is not described"
            text = f"Cannot scan yet: {why}. Press w to listen."
        put(self.query_one("#budget", Static), text)

    def show(self, view: View, now: float) -> None:
        """What the engine noted, what only this page's scan has seen, who was heard; and what is waited for."""
        self.query_one("#bmcs", Lines).fill(lambda width: self._rows(view, width))
        if self._wait is not None:
            self.answer(f"{self._wait}. {self._counted()}")

    def _rows(self, view: View, width: int) -> Sequence[Line]:
        noted = {machine.bmc for machine in view.inventory}
        fresh = [bmc for address, bmc in sorted(self._seen.items()) if address not in noted]
        known = noted | {bmc.address for bmc in fresh}
        heard = [one for one in self._heard.values() if not known & set(one.who.facts("address"))]
        every: list[Known | Bmc | HeardHost] = [
            *view.inventory,
            *fresh,
            *sorted(heard, key=lambda one: not one.who.is_bmc),
        ]
        items: list[Row] = []
        for one in every:
            items.append(one)
            if self._evidence:
                items.extend(facts_of(one))
        if self.wanted:
            items = [one for one in items if matches(row_text(one), self.wanted)]
        return Rows(items, lambda one: row_line(one, width)) if items else [[("nothing found yet", "dim")]]

    def _counted(self) -> str:
        bmcs = sum(one.who.is_bmc for one in self._heard.values())
        heard = f"{len(self._heard)} heard, {bmcs} of them BMCs" if self._heard else ""
        return "; ".join(filter(None, (f"{len(self._seen)} BMCs answered" if self._seen else "", heard)))

    def action_evidence(self) -> None:
        """With or without sources."""
        self._evidence = not self._evidence
        self.refresh_view()

    def action_listen(self) -> None:
        """Listen, or end it."""
        if self._wait is not None and self._wait.ends:
            self.workers.cancel_group(self, "scan")
            self._end(f"Listened for {duration(self._wait.gone)}: {self._counted() or 'nothing heard'}.")
        else:
            self.listen()

    @work(exit_on_error=False, exclusive=True, group="scan")
    async def listen(self) -> None:
        """Hear who speaks, in silence."""
        nics, self._site = await self.shell.link.listen_nics()
        if not nics:
            self.answer("No NIC has a link. Connect a cable, then press l.", bad=True)
            return
        self._heard = {}
        self._wait = Wait(f"Listening on {', '.join(nics)} (w stops)", SECONDS, ends=True)
        self.refresh_view()
        try:
            await self.shell.link.listen(nics, self._hear, SECONDS)
        except (SeedvmError, OSError) as error:
            self._end(f"Cannot listen: {error}", bad=True)
            return
        self._end(f"Listened on {', '.join(nics)}: {self._counted() or 'nothing heard; BMCs can be silent, F5 scans'}.")

    def _hear(self, nic: str, who: Neighbour) -> None:
        self._heard[nic, who.mac] = HeardHost.on(nic, who, self._site)
        self.refresh_view()

    @work(exit_on_error=False, exclusive=True, group="scan")
    async def action_scan(self) -> None:
        """Scan the declared ranges; each BMC appears as it answers."""
        self._seen = {}
        try:
            cost = await self.shell.link.scan_cost()
            self._wait = Wait(f"Scanning {_whom(cost)}", cost.seconds)
            self.refresh_view()
            result = await self.shell.link.scan(self._found)
        except (SeedvmError, OSError) as error:
            self._end(f"Scan failed: {error}", bad=True)
            return
        cut = "" if result.complete else "; incomplete, press F5 to repeat"
        said = f"{len(result.bmcs)} BMCs; {result.packets} packets in {result.seconds:.1f} s{cut}"
        why = none_found(*await self.shell.link.site_values()) if not result.bmcs else ""
        self._end(f"{said}. {why}" if why else said, bad=bool(why))

    def _found(self, bmc: Bmc) -> None:
        self._seen[bmc.address] = bmc
        self.refresh_view()

    def _end(self, said: str, *, bad: bool = False) -> None:
        self._wait = None
        self.refresh_view()
        self.answer(said, bad=bad)


def _whom(cost: Cost) -> str:
    asked = [f"{cost.sweep.addresses} addresses"] if cost.sweep.addresses else []
    return " and ".join([*asked, *([f"all hosts on {', '.join(cost.sweep.wires)}"] if cost.sweep.wires else [])])
