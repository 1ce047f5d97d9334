"""The list of BMCs while a scan runs: redrawn in place on a terminal, one line per BMC elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

from seedvm.scan.evidence import Bmc
from seedvm.scan.table import head, row

REDRAW_SECONDS = 0.25


class ScanView:
    """Keeps what was found, also when the scan is interrupted. `quiet` shows nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self.found: dict[str, Bmc] = {}
        self._quiet = quiet
        self._live = sys.stdout.isatty() and not quiet
        self._lines = 0
        self._drawn = 0.0
        self._told: set[str] = set()

    def show(self, bmc: Bmc) -> None:
        """Something more is known of a BMC."""
        known = self.found.get(bmc.address, Bmc(bmc.address)).with_(bmc.protocols, bmc.evidence)
        self.found[bmc.address] = known
        if self._live and time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._draw()
        elif not self._live and not self._quiet and known.protocols and bmc.address not in self._told:
            self._told.add(bmc.address)
            print(row(known), flush=True)

    def end(self) -> tuple[Bmc, ...]:
        """The last drawing, and all that was found in the order of the addresses."""
        if self._live:
            self._draw(whole=True)
        return tuple(self.found[address] for address in sorted(self.found, key=_order))

    def _draw(self, *, whole: bool = False) -> None:
        """The last screenful; at the end everything."""
        self._drawn = time.monotonic()
        rows = [row(self.found[address]) for address in sorted(self.found, key=_order)]
        if not whole:
            rows = rows[-(shutil.get_terminal_size().lines - 3) :]
        text = [head(), *rows]
        back = f"\x1b[{self._lines}A\x1b[J" if self._lines else ""
        print(back + "\n".join(text), flush=True)
        self._lines = len(text)


def _order(address: str) -> tuple[int, ...]:
    parts = address.split(".")
    return tuple(int(part) for part in parts) if len(parts) == 4 else (256, *address.encode())
