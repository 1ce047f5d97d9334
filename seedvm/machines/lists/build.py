"""Rows as machines: every value is read, what cannot be is refused by its place, and rows about one BMC are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from seedvm.base.secret import Secret
from seedvm.foreign.text import shown
from seedvm.machines.lists import values
from seedvm.machines.lists.entry import ListEntry, Places
from seedvm.machines.lists.headings import MachineField
from seedvm.machines.lists.rows import Cell, NamedCell, Notebook, Row
from seedvm.machines.lists.values import BmcEndpoint

T = TypeVar("T")
DRIVER = "it is checked only: which protocol is used is decided by the BMC's own answers"


@dataclass(frozen=True)
class _Read:
    """A row whose address could be read; `entry` is None where something else of it is refused."""

    row: Row
    endpoint: BmcEndpoint
    system: str
    entry: ListEntry | None


def entries_of(rows: Sequence[Row], notes: Notebook) -> tuple[tuple[ListEntry, ...], tuple[str, ...]]:
    """The machines of these rows, and what the rows are called that are refused; the notebook has the reasons."""
    read = [found for row in rows if (found := _Reader(row, notes).read()) is not None]
    refused = _contradictions(read, notes)
    kept: dict[str, ListEntry] = {}
    for one in read:
        if one.entry is not None and one.endpoint.address not in refused:
            kept.setdefault(one.entry.address, one.entry)
    _names_twice(kept.values(), notes)
    taken = {id(one.row) for one in read if one.entry is not None and one.entry.address in kept}
    return tuple(kept.values()), tuple(_called(row) for row in rows if id(row) not in taken)


def _names_twice(entries: Iterable[ListEntry], notes: Notebook) -> None:
    first_of: dict[str, ListEntry] = {}
    for entry in entries:
        first = first_of.setdefault(entry.name or entry.address, entry)
        if first is not entry:
            said = f"the name '{shown(entry.name, 60)}' is also in line {first.line}, for {first.address}"
            notes.remark(f"line {entry.line}: {said}")


class _Reader:
    """Reads one row; `failed` once something of it is refused."""

    def __init__(self, row: Row, notes: Notebook) -> None:
        self._row = row
        self._notes = notes
        self.failed = row.failed

    def read(self) -> _Read | None:
        if self._row.broken:
            # Nothing else is read: shifted cells would show a password as another column's value.
            self._notes.refuse(self._row.line, self._row.where, self._row.broken)
            return None
        driver = self._driver()
        endpoint = self._endpoint(driver)
        user = self._one(MachineField.USER, values.word_of, driver)
        password = self._password(driver)
        name = self._one(MachineField.NAME, values.word_of, None)
        system = self._one(MachineField.SYSTEM, values.word_of, None) or (endpoint.system if endpoint else "")
        for one in self._said(MachineField.SYSTEM):
            self._notes.unused(one.name, "a BMC with one system is supported, and that one is used")
        self._bridging()
        macs, boot = self._macs()
        if endpoint is None:
            return None
        rack, unit, height = self._position()
        entry = ListEntry(
            endpoint.address,
            user,
            password,
            macs,
            name,
            driver,
            self._row.line,
            boot,
            rack,
            unit,
            height,
            _places(self._row),
        )
        return _Read(self._row, endpoint, system, None if self.failed else entry)

    def _position(self) -> tuple[str | None, int | None, int | None]:
        """Rack, unit and height. What cannot be read is named and not used: it stops no machine."""
        rack = self._first(MachineField.RACK, values.rack_of)
        units = self._first(MachineField.UNIT, values.units_of)
        height = self._first(MachineField.HEIGHT, values.height_of)
        unit, tall = units if units is not None else (None, None)
        return rack, unit, (height or tall) if unit is not None else None

    def _first(self, what: MachineField, parse: Callable[[str], T]) -> T | None:
        for one in self._said(what):
            try:
                return parse(values.unwrapped(one.cell.text))
            except ValueError as error:
                self._notes.unused(one.name, str(error))
        return None

    def _refuse(self, cell: Cell, message: str) -> None:
        self.failed = True
        self._notes.refuse_cell(cell, message)

    def _said(self, what: MachineField) -> list[NamedCell]:
        return [
            one
            for one in self._row.cells.get(what, ())
            if one.cell.fault
            or (one.cell.text.strip() and (what is MachineField.PASSWORD or not values.is_nothing(one.cell.text)))
        ]

    def _parsed(self, cell: Cell, parse: Callable[[str], T]) -> T | None:
        if cell.fault:
            self._refuse(cell, cell.fault)
            return None
        try:
            return parse(values.unwrapped(cell.text))
        except ValueError as error:
            self._refuse(cell, str(error))
            return None

    def _one(self, what: MachineField, parse: Callable[[str], T], driver: str | None) -> T | None:
        """The value of a field. Of several that differ, that of the driver's own protocol; without one they are refused."""
        said = self._said(what)
        own = [one for one in said if one.meaning.family in values.FAMILIES.get(driver or "", ())]
        found = [(one, made) for one in own or said if (made := self._parsed(one.cell, parse)) is not None]
        if not found:
            return None
        first, value = found[0]
        for other, made in found[1:]:
            if made != value:
                self._refuse(other.cell, f"is another value for {what.value} than '{first.name}'")
        for other in said if own else ():
            if other not in own and other.cell.text != first.cell.text:
                self._notes.unused(other.name, f"'{first.name}' is that of the driver {driver}")
        return value

    def _driver(self) -> str | None:
        for one in self._said(MachineField.DRIVER):
            if one.meaning.strong:
                self._notes.unused(one.name, DRIVER)
                return self._parsed(one.cell, values.driver_of)
            try:
                driver = values.driver_of(one.cell.text)
            except ValueError:
                self._notes.unused(one.name, "it does not name a BMC's protocol")
            else:
                self._notes.unused(one.name, DRIVER)
                return driver
        families = {one.meaning.family for one in self._row.cells.get(MachineField.ADDRESS, ())} - {""}
        return values.DRIVERS.get(families.pop()) if len(families) == 1 and families <= {"ilo", "irmc"} else None

    def _endpoint(self, driver: str | None) -> BmcEndpoint | None:
        cells = self._row.cells
        endpoint = self._one(MachineField.ADDRESS, values.endpoint_of, driver)
        if endpoint is None:
            if not self._said(MachineField.ADDRESS):
                at = cells[MachineField.ADDRESS][0].cell if MachineField.ADDRESS in cells else None
                where = at.where if at else self._row.where
                missing = "is missing" if at else "the BMC address is missing"
                self._refuse(Cell("", self._row.line, where), self._row.lacks_address or missing)
            return None
        port = self._port()
        for one in self._said(MachineField.ADDRESS):
            try:
                said = values.endpoint_of(values.unwrapped(one.cell.text))
                values.refuse_port(replace(said, port=port or said.port), driver)
            except ValueError as error:
                self._refuse(self._row.cells[MachineField.PORT][0].cell if port else one.cell, str(error))
        first = self._said(MachineField.ADDRESS)[0].name
        if endpoint.system:
            self._notes.unused(f"{first}: the path", "a BMC with one system is supported, and that one is used")
        if endpoint.prefix:
            self._notes.unused(f"{first}: the prefix length", "network settings of a BMC or a switch are not used")
        return replace(endpoint, port=port or endpoint.port)

    def _port(self) -> int | None:
        """The BMC's port where the list names one. A plain "port" is the BMC's where the address is a plain "ip" too; a small number
        is a switch's."""
        plain = not any(one.meaning.strong for one in self._said(MachineField.ADDRESS))
        for one in self._said(MachineField.PORT):
            text = values.clean(one.cell.text).removesuffix(".0")
            port = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
            if one.meaning.strong and not 0 < port < 65536:
                self._refuse(one.cell, f"'{shown(text, 20)}' is not a port")
            elif one.meaning.strong or port in (443, 623) or (plain and 128 <= port < 65536):
                return port
            else:
                self._notes.unused(one.name, "it does not say that it is the BMC's port")
        return None

    def _password(self, driver: str | None) -> Secret | None:
        password = self._one(MachineField.PASSWORD, values.password_of, driver)
        if password is not None and re.fullmatch("change[ _-]?me|password", password.reveal(), re.IGNORECASE):
            self._notes.remark(
                f"line {self._row.line}: the password may be a placeholder; it is taken, because BMCs are delivered with it"
            )
        return password

    def _bridging(self) -> None:
        for one in self._said(MachineField.BRIDGING):
            if values.clean(one.cell.text).lower() not in ("no", "false"):
                self._refuse(one.cell, "IPMI bridging is not supported: each BMC is contacted directly")

    def _macs(self) -> tuple[tuple[str, ...], str | None]:
        """All MACs, and the one that boots: exactly one is marked, or exactly one is not excluded."""
        macs: dict[str, bool | None] = {}
        for nic in self._row.nics:
            if not nic.cell.fault and values.is_nothing(nic.cell.text):
                continue
            for mac in self._parsed(nic.cell, values.macs_of) or ():
                macs[mac] = nic.boots if macs.get(mac) is None else macs[mac]
        marked = [mac for mac, boots in macs.items() if boots is True]
        possible = marked or [mac for mac, boots in macs.items() if boots is None]
        return tuple(macs), possible[0] if len(possible) == 1 else None


def _contradictions(read: Sequence[_Read], notes: Notebook) -> set[str]:
    """The addresses of rows that contradict each other, each named in the notebook."""
    refused: set[str] = set()
    first_of: dict[str, _Read] = {}
    owner_of: dict[str, _Read] = {}
    for one in read:
        address = one.endpoint.address
        first = first_of.setdefault(address, one)
        if differs := _differs(first, one):
            refused.add(address)
            notes.refuse(
                one.row.line,
                _where(one.row, MachineField.ADDRESS),
                f"{address} is also in {_line(first.row)}, {differs}",
            )
        for mac in one.entry.macs if one.entry and first is one else ():
            owner = owner_of.setdefault(mac, one)
            if owner is not one:
                refused |= {address, owner.endpoint.address}
                said = f"{mac} is also in {_line(owner.row)}, for {owner.endpoint.address}"
                notes.refuse(one.row.line, _where(one.row, MachineField.MAC), said)
    return refused


def _differs(first: _Read, other: _Read) -> str:
    if (first.system, first.endpoint.port) != (other.system, other.endpoint.port):
        return "for another system: several systems behind one BMC address are not supported"
    if first.entry is None or other.entry is None or replace(first.entry, line=0) == replace(other.entry, line=0):
        return ""
    pairs = (
        ("user", first.entry.user, other.entry.user),
        ("password", first.entry.password, other.entry.password),
        ("name", first.entry.name, other.entry.name),
        ("driver", first.entry.driver, other.entry.driver),
        ("position", _position_of(first.entry), _position_of(other.entry)),
        ("MAC addresses", (first.entry.macs, first.entry.boot_mac), (other.entry.macs, other.entry.boot_mac)),
    )
    return f"with other values ({', '.join(name for name, one, two in pairs if one != two)})"


def _position_of(entry: ListEntry) -> tuple[str | None, int | None, int | None]:
    return entry.rack, entry.unit, entry.height


def _called(row: Row) -> str:
    """A row's name or address, and where it is."""
    if row.broken:
        return _line(row)  # its cells are shifted: what stands under the name may be a password
    cells = [*row.cells.get(MachineField.NAME, ()), *row.cells.get(MachineField.ADDRESS, ())]
    name = next((shown(one.cell.text, 60) for one in cells if one.cell.text.strip() and "@" not in one.cell.text), "")
    return f"{name} ({_line(row)})" if name else _line(row)


def _line(row: Row) -> str:
    """A row's line, and its place where the list has places: a JSON file may be one line."""
    return f"line {row.line} ({shown(row.where)})" if row.where else f"line {row.line}"


def _places(row: Row) -> Places:
    return Places(
        *(
            _where(row, what)
            for what in (MachineField.ADDRESS, MachineField.USER, MachineField.PASSWORD, MachineField.MAC)
        )
    )


def _where(row: Row, what: MachineField) -> str:
    if what is MachineField.MAC and row.nics:
        return row.nics[0].cell.where
    cells = row.cells.get(what)
    return cells[0].cell.where if cells else row.where or what.value
