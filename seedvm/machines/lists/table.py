"""Lines of cells as rows: the same for CSV and for the sheets of a workbook. It finds the heading, wherever it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seedvm.foreign import identity
from seedvm.foreign.text import shown
from seedvm.machines.lists import values
from seedvm.machines.lists.headings import ACCEPTED, MachineField, Meaning, meaning
from seedvm.machines.lists.rows import Cell, NamedCell, Notebook, Row, is_about_bmcs, put

MOST_ABOVE = 20
"""Lines above the heading: titles, dates, a company's name."""
NUMBER, DATE, FORMULA = "number", "date", "formula"
_FAULTS = {
    FORMULA: "is a formula without a saved value: open the list in the spreadsheet program and save it",
    DATE: "is a date in the sheet: format the column as text and enter the value again",
}
_NUMERIC_PASSWORD = (
    "is a number in the sheet, which has no leading zeros: format the column as text and enter the password again"
)
Where = Callable[[int, int, str], str]
"""Line, column (from 0) and heading as a place in the list's own words."""


@dataclass(frozen=True)
class TableLine:
    """A line of a table; `kinds` are NUMBER, DATE, FORMULA or "" (text) for each cell, and may be shorter."""

    number: int
    texts: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    broken: str = ""
    """Why the line cannot be read as cells."""

    @property
    def is_empty(self) -> bool:
        return not any(values.clean(text) for text in self.texts) and not any(self.kinds)

    @property
    def is_comment(self) -> bool:
        return values.clean(self.texts[0]).startswith("#")


class NoHeading(ValueError):
    """The lines have no heading that names a BMC's address."""


@dataclass(frozen=True)
class Heading:
    """The line that names the columns, and where it is among the lines."""

    at: int
    names: tuple[str, ...]
    meanings: tuple[Meaning, ...]

    @property
    def plain_ip(self) -> bool:
        return not is_about_bmcs(self.meanings)

    @property
    def has_address(self) -> bool:
        return any(one.field is MachineField.ADDRESS and (one.strong or self.plain_ip) for one in self.meanings)

    @property
    def known(self) -> int:
        return sum(one.field is not None for one in self.meanings)


def heading_of(lines: Sequence[TableLine]) -> Heading | None:
    """The heading among the first lines: the first that names an address, else the one that names most."""
    best: Heading | None = None
    for at, line in enumerate(lines[:MOST_ABOVE]):
        if any(_is_data(text) for text in line.texts):
            break
        names = tuple(values.clean(text) for text in line.texts)
        made = Heading(at, names, tuple(meaning(name) for name in names))
        if (under := _under(made, lines[at + 1 : at + 2])) is not None:
            return under
        if made.has_address:
            return made
        if made.known and (best is None or made.known > best.known):
            best = made
    return best


def _under(groups: Heading, following: Sequence[TableLine]) -> Heading | None:
    """A heading of two lines: names of groups over several columns ("BMC"), and under them the names of the columns ("IP")."""
    if not following or any(_is_data(text) for text in following[0].texts) or len(following[0].texts) < 2:
        return None
    names, group = [], ""
    for at, text in enumerate(following[0].texts):
        group = (groups.names[at] if at < len(groups.names) else "") or group
        names.append(f"{group} {values.clean(text)}".strip() if values.clean(text) else "")
    made = Heading(groups.at + 1, tuple(names), tuple(meaning(name) for name in names))
    own = sum(meaning(values.clean(text)).field is not None for text in following[0].texts)
    spans = sum(bool(name) for name in groups.names) < sum(bool(name) for name in names)
    return made if spans and own > 1 and made.has_address and made.known > groups.known else None


def _is_total(line: TableLine, heading: Heading) -> bool:
    """Whether a line sums up a column: it says so, and has nothing in the columns of the BMC."""
    said = [text for text in map(values.clean, line.texts) if text]
    login = (MachineField.ADDRESS, MachineField.USER, MachineField.PASSWORD)
    own = [text for text, one in zip(line.texts, heading.meanings, strict=False) if one.field in login]
    is_named = re.match(
        r"(?:grand |sub)?(?:total|sum|summe|gesamt|count|anzahl)\b", said[0] if said else "", re.IGNORECASE
    )
    return bool(is_named) and all(re.fullmatch(r"\d*", values.clean(text)) for text in own)


def rows_of(lines: Sequence[TableLine], where: Where, notes: Notebook) -> list[Row]:
    """The rows under the heading; raises NoHeading."""
    full = [line for line in lines if not line.is_empty]
    heading = heading_of(full)
    if heading is None or not heading.has_address or _by_spaces(full).startswith("it is a table of"):
        raise NoHeading(_lacks(full, heading))
    rows = []
    for line in full[heading.at + 1 :]:
        again = tuple(values.clean(text) for text in line.texts) == heading.names
        if not line.broken and _is_total(line, heading):
            notes.remark(f"line {line.number} is a total and was not taken")
        elif not again and not line.is_comment:
            rows.append(_row(line, heading, where, notes))
    return rows


def _row(line: TableLine, heading: Heading, where: Where, notes: Notebook) -> Row:
    row = Row(line.number, where(line.number, -1, ""))
    cells = []
    for at, name in enumerate(heading.names):
        text = line.texts[at] if at < len(line.texts) else ""
        kind = line.kinds[at] if at < len(line.kinds) else ""
        fault = _FAULTS.get(kind, "")
        if kind == NUMBER and heading.meanings[at].field is MachineField.PASSWORD:
            fault = _NUMERIC_PASSWORD
        if name or text.strip():
            label = name or f"column {at + 1} without a heading"
            cells.append(
                NamedCell(label, heading.meanings[at], Cell(text, line.number, where(line.number, at, name), fault))
            )
    if any(values.clean(text) for text in line.texts[len(heading.names) :]):
        count = f"{len(line.texts)} cells for {len(heading.names)} columns"
        row.broken = f"{count}: is there a delimiter in a cell without quotes?"
    row.broken = line.broken or row.broken
    put(row, cells, heading.plain_ip, notes)
    return row


def _is_data(text: str) -> bool:
    """Whether a cell holds what no heading does."""
    bare = values.unwrapped(values.clean(text))
    return identity.mac(bare) is not None or bool(re.search(r"(?<![\w.])[0-9]{1,3}(\.[0-9]{1,3}){3}(?![\w.])", bare))


def _lacks(lines: Sequence[TableLine], heading: Heading | None) -> str:
    how = f"the BMC's address may be in a column called, for example: {ACCEPTED}"
    if not lines:
        return "the list is empty"
    if spaces := _by_spaces(lines):
        return spaces
    if heading is not None:
        plain = [
            name for name, one in zip(heading.names, heading.meanings, strict=True) if one.field is MachineField.ADDRESS
        ]
        said = f"line {lines[heading.at].number}: no column is known to hold the BMC's address"
        if plain:
            return (
                f"{said}: '{shown(plain[0], 60)}' is taken for the host's, because other columns are about the BMC;"
                f" rename it to bmc_ip if it is the BMC's"
            )
        if any(name.lower() == "driver info" for name in heading.names):
            return f"{said}; 'Driver Info' contains it, but is not read from a table: use -f json"
        names = heading.names
        if heading.known < 2:  # a single word may be chance: then this is a row, and one of its cells a password
            names = tuple(name for name, one in zip(names, heading.meanings, strict=True) if one.field)
        hidden = sum(bool(name) for name in heading.names) - sum(bool(name) for name in names)
        more = f" and {hidden} more" if hidden else ""
        return f"{said} among {', '.join(_quoted(names))}{more}; {how}"
    first = lines[0]
    if any(_is_data(text) for line in lines[:MOST_ABOVE] for text in line.texts):
        return f"no header: line {first.number} already holds data; add a line above it that names the columns; {how}"
    start = ", ".join(_quoted(first.texts[:1]))
    return f"no header: line {first.number}, which starts with {start}, has no known name of a column; {how}"


def _by_spaces(lines: Sequence[TableLine]) -> str:
    """The cure of a table that a program printed for people, or that is written in Markdown; empty where it is none."""
    if any(sum(bool(re.fullmatch(r"\s*:?-{2,}:?\s*", text)) for text in line.texts) > 1 for line in lines[:3]):
        return "it is a table of Markdown: save it as CSV"
    first = lines[0].texts
    if len(first) == 1 and sum(meaning(word).field is not None for word in first[0].split()) > 1:
        return "the columns are separated by spaces: separate them by commas or semicolons"
    if re.match(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22} ", first[0]):
        return "it is a list as the OpenStack client prints it with -f value: use -f json"
    return ""


def _quoted(names: Sequence[str]) -> Iterator[str]:
    some = [name for name in names if values.clean(name)]
    yield from (f"'{shown(name, 40)}'" for name in some[:10])
    if len(some) > 10:
        yield f"{len(some) - 10} more"
