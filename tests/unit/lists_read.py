"""Reading one list of machines in a test: all of it, its only machine, or why it is refused."""

from __future__ import annotations

from seedvm.machines.lists.entry import ListEntry, MachineList
from seedvm.machines.lists.read import read_list

MACS = tuple(f"52:54:00:aa:00:{number:02d}" for number in range(1, 10))


def reading(text: str) -> MachineList:
    return read_list(text.encode(), "list")


def only(text: str) -> ListEntry:
    found = reading(text)
    assert not found.refused
    return found.entries[0]


def refused(text: str) -> list[str]:
    found = reading(text)
    assert not found.entries
    return [str(one) for one in found.refused]
