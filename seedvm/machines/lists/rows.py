"""One machine's row as every format gives it, before its values are read; and the notebook of what is refused or not used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from seedvm.base.errors import Problem
from seedvm.foreign.text import shown
from seedvm.machines.lists.headings import MachineField, Meaning, rank

MOST_NAMES = 12
FALSE = ("false", "no", "off", "0", "n", "nein")
HOSTS = "it is taken for the host's address, because other names in the list are about the BMC"


@dataclass(frozen=True)
class Cell:
    """A value, its line, and its place in the list's own words. `fault` says why it cannot be taken whatever its text is."""

    text: str
    line: int
    where: str
    fault: str = ""


@dataclass(frozen=True)
class NamedCell:
    """A cell with the name of its column or key, and what that means."""

    name: str
    meaning: Meaning
    cell: Cell

    @property
    def is_empty(self) -> bool:
        return not self.cell.fault and not self.cell.text.strip()


@dataclass(frozen=True)
class ListedNic:
    """A MAC of a NIC; `boots` is None where the list does not say whether it boots."""

    cell: Cell
    boots: bool | None = None


@dataclass
class Row:
    """What is said of one machine: candidates for each field, the NICs, and where the row is. `lacks_address` is the cure of a row
    without a BMC's address, in the words of its format; `broken` says why the row as a whole cannot be read, `failed` that
    something of it is refused already."""

    line: int
    where: str
    cells: dict[MachineField, list[NamedCell]] = field(default_factory=dict)
    nics: list[ListedNic] = field(default_factory=list)
    lacks_address: str = ""
    broken: str = ""
    failed: bool = False

    def add(self, named: NamedCell) -> None:
        assert named.meaning.field is not None
        self.cells.setdefault(named.meaning.field, []).append(named)


class Notebook:
    """Collects what is refused by place, and what is not used by name: each name once, with the number of rows."""

    def __init__(self) -> None:
        self._refused: dict[Problem, None] = {}
        self._remarks: list[str] = []
        self._unused: dict[tuple[str, str], int] = {}

    def refuse(self, line: int, where: str, message: str) -> None:
        self._refused.setdefault(Problem(line, shown(where), shown(message, 400)))

    @property
    def refused(self) -> tuple[Problem, ...]:
        """Each problem once, by line."""
        return tuple(sorted(self._refused, key=lambda one: one.line))

    def refuse_cell(self, cell: Cell, message: str) -> None:
        self.refuse(cell.line, cell.where, message)

    def remark(self, text: str) -> None:
        if text not in self._remarks:
            self._remarks.append(shown(text, 400))

    def unused(self, name: str, why: str = "") -> None:
        """A name with a value that is not used: `why` is empty where the name means nothing to us."""
        self._unused[name, why] = self._unused.get((name, why), 0) + 1

    def take(self, other: Notebook) -> None:
        """Everything that another notebook holds."""
        self._refused |= other._refused
        self._remarks += other._remarks
        self._unused.update(other._unused)

    def remarks(self) -> tuple[str, ...]:
        """The remarks in order, then a line for each reason why names are not used, then one for the names that are not known."""
        whys: dict[str, list[str]] = {}
        for name, why in self._unused:
            whys.setdefault(why, []).append(name)
        unknown = whys.pop("", [])
        lines = [f"not used: {_names(names, len(names))}: {why}" for why, names in whys.items()]
        if unknown:
            lines.append(f"not used: {_names(unknown, MOST_NAMES)}: not known to seedvm")
        return (*self._remarks, *lines)


def put(row: Row, cells: Sequence[NamedCell], plain_ip: bool, notes: Notebook) -> None:
    """Put cells into a row: what names the BMC's before what is plain, and a line in the notebook for what is not taken.

    `plain_ip` says that an address without a word about the BMC may be the BMC's in this list.
    """
    sure = {one.meaning.field for one in cells if one.meaning.strong}
    names = [one for one in cells if one.meaning.field is MachineField.NAME and not one.is_empty]
    first = min(names, key=lambda one: rank(one.name), default=None)
    never = any(one.meaning.field is MachineField.PXE and one.cell.text.strip().lower() in FALSE for one in cells)
    for one in cells:
        what = one.meaning.field
        reason = _passed_by(one, sure, plain_ip, first)
        if one.is_empty and (
            reason is not None or what not in (MachineField.ADDRESS, MachineField.USER, MachineField.PASSWORD)
        ):
            continue  # of these the place is needed: an empty one may be what is missing
        if reason is not None:
            notes.unused(one.name, reason)
        elif what in (MachineField.MAC, MachineField.BOOT_MAC):
            row.nics.append(ListedNic(one.cell, True if what is MachineField.BOOT_MAC else False if never else None))
        elif what is MachineField.PXE:
            continue
        else:
            row.add(one)


def _passed_by(one: NamedCell, sure: set[MachineField | None], plain_ip: bool, name: NamedCell | None) -> str | None:
    """Why a cell is not used; None where it is."""
    what, strong = one.meaning.field, one.meaning.strong
    if what is None:
        return one.meaning.why
    if what is MachineField.ADDRESS and not strong and not plain_ip:
        return HOSTS
    if what in (MachineField.USER, MachineField.PASSWORD, MachineField.DRIVER) and not strong and what in sure:
        return f"another name is about {what.value}"
    if what is MachineField.NAME and name is not None and one is not name:
        return f"'{name.name}' is taken as the name"
    return None


def is_about_bmcs(meanings: Iterable[Meaning]) -> bool:
    """Whether any of the names says that it is the BMC's: then a plain "ip" is the host's."""
    return any(one.of_bmc or (one.strong and one.field is not MachineField.DRIVER) for one in meanings)


def _names(names: Sequence[str], most: int) -> str:
    some = ", ".join(f"'{shown(name, 60)}'" for name in names[:most])
    return some + (f" and {len(names) - most} more" if len(names) > most else "")
