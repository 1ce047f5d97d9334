"""A scan as it runs: redrawn in place on a terminal, a line per BMC elsewhere, a JSON object per line for programs."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from seedvm.base.addresses import order
from seedvm.cli.common import answer, say
from seedvm.scan.evidence import Bmc, HostRemark
from seedvm.scan.table import head, row

if TYPE_CHECKING:
    from seedvm.scan.listen import Neighbour
    from seedvm.scan.run import Cost

REDRAW_SECONDS = 0.25


class ScanView:
    """Keeps what was found, also when the scan is interrupted. `stream` writes JSON lines; `quiet` shows nothing."""

    def __init__(self, found: Iterable[Bmc] = (), *, quiet: bool = False, stream: bool = False) -> None:
        self.found: dict[str, Bmc] = {one.address: one for one in found}
        self.heard: dict[str, Neighbour] = {}
        self.remarks: list[HostRemark] = []
        self._quiet = quiet
        self._stream = stream
        self._live = sys.stdout.isatty() and not quiet and not stream
        self._lines = 0
        self._drawn = 0.0
        self._told: set[str] = set()

    def begin(self, cost: Cost, resumed: int) -> None:
        """The cost, before anything is sent; `resumed` addresses are known from before."""
        if self._stream:
            budget = cost.sweep
            self._event(
                "start",
                addresses=budget.addresses,
                on_link=budget.on_link,
                packets=cost.packets,
                seconds=cost.seconds,
                resumed=resumed,
            )
        elif not self._quiet:
            say(str(cost))
            if resumed:
                say(f"resuming the last scan: {resumed} addresses are done (use --fresh to scan from the start)")

    def show(self, bmc: Bmc) -> None:
        """Something more is known of a BMC."""
        self.found[bmc.address] = bmc
        if self._stream:
            self._event("bmc", bmc=bmc.to_json())
        elif self._live and time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._draw()
        elif (
            not self._live and not self._quiet and (bmc.protocols or not bmc.answered) and bmc.address not in self._told
        ):
            self._told.add(bmc.address)
            say(row(bmc))

    def hear(self, neighbour: Neighbour) -> None:
        """Something more was heard of a neighbour."""
        self.heard[neighbour.mac] = neighbour
        if self._stream:
            self._event("heard", neighbour=neighbour.to_json())

    def remark(self, remark: HostRemark) -> None:
        """Something is odd about a host that is no BMC as far as is known; shown at the end."""
        self.remarks.append(remark)
        if self._stream:
            self._event("remark", remark=remark.to_json())

    def end(self) -> tuple[Bmc, ...]:
        """The last drawing, and all that was found in the order of the addresses."""
        if self._live:
            self._draw(whole=True)
        return tuple(self.found[address] for address in sorted(self.found, key=order))

    def close(self, bmcs: Iterable[Bmc], describe: Callable[[Bmc], dict[str, object]], **more: object) -> None:
        """The last JSON line: the whole list, one entry per BMC."""
        neighbours = [self.heard[mac].to_json() for mac in sorted(self.heard)]
        self._event("end", bmcs=[describe(one) for one in bmcs], neighbours=neighbours, **more)

    def _event(self, event: str, **values: object) -> None:
        answer({"event": event, **values}, indent=None)

    def _draw(self, *, whole: bool = False) -> None:
        """The last screenful; at the end everything."""
        self._drawn = time.monotonic()
        rows = [row(self.found[address]) for address in sorted(self.found, key=order)]
        if not whole:
            rows = rows[-(shutil.get_terminal_size().lines - 3) :]
        text = [head(), *rows]
        if self._lines:
            sys.stdout.write(f"\x1b[{self._lines}A\x1b[J")
        say(*text)
        self._lines = len(text)
