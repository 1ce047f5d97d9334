"""Rates over the last minutes, as the screen has seen them: what is written to disks. Remembers; knows no clock."""

from __future__ import annotations

import re
from collections import deque

from seedvm.engine.state import State

KEPT = 120
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?) (MiB|MB)/s")


class Rates:
    """One sample a second of the journal's time at most."""

    def __init__(self) -> None:
        self.disks: deque[float] = deque(maxlen=KEPT)
        self._last = 0.0

    def see(self, state: State) -> None:
        """Look at the machines whose image is being written."""
        if state.last - self._last < 1.0:
            return
        self._last = state.last
        found = (_RATE.search(node.detail) for node in state.nodes.values() if node.phase == "write")
        total = sum(float(match[1]) for match in found if match is not None)
        if total or self.disks:
            self.disks.append(total)
