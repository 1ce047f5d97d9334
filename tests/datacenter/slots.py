"""The room for sessions of one BMC: a handshake takes a slot, an end gives it back, silence of a minute too (6.12.15)."""

from __future__ import annotations

import os
import time

from tests.datacenter.model import Host
from tests.datacenter.record import Record

SILENCE_SECONDS = 60.0


class Slots:
    def __init__(self, host: Host, record: Record) -> None:
        self._room = host.slots - host.held
        self._record = record
        self._open: dict[int, tuple[float, str]] = {}
        self._excused: set[int] = set()

    def take(self, what: str) -> int | None:
        """A new session's number, None when there is no room."""
        oldest = time.monotonic() - SILENCE_SECONDS
        for number in [number for number, (touched, _) in self._open.items() if touched < oldest]:
            self.give(number)
        if len(self._open) >= self._room:
            return None
        number = int.from_bytes(os.urandom(3), "little") + 1
        self._open[number] = (time.monotonic(), what)
        self._record.slots_opened += 1
        self._note()
        return number

    def touch(self, number: int) -> bool:
        """Whether this session is open; it is alive now."""
        if number not in self._open:
            return False
        self._open[number] = (time.monotonic(), self._open[number][1])
        return True

    def give(self, number: int) -> None:
        self._open.pop(number, None)
        self._note()

    def excuse(self, number: int) -> None:
        """The wire swallowed this session's number on its way to the visitor, or the packet which would have closed it."""
        if number in self._open:
            self._excused.add(number)
            self._note()

    def _note(self) -> None:
        self._record.slots_open = len(self._open)
        self._record.most_slots = max(self._record.most_slots, len(self._open))
        self._record.slots_excused = len(self._excused & set(self._open))
