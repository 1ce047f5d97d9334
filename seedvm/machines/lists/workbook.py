"""Workbooks of Excel (.xlsx) by openpyxl, read only and by the saved values: every visible sheet that has a column of BMC addresses.

Refused: what unpacks to more than MOST_UNPACKED bytes. Hidden sheets and hidden rows are not taken, and named.
"""

from __future__ import annotations

import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree

from openpyxl.chartsheet import Chartsheet
from openpyxl.reader.excel import ExcelReader

from seedvm.foreign.text import shown
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.table import DATE, FORMULA, NUMBER, NoHeading, TableLine, heading_of, rows_of
from seedvm.machines.lists.values import unwrapped

MOST_UNPACKED = 64 << 20
MOST_ROWS, MOST_COLUMNS, MOST_MERGED = 20_000, 256, 2000
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


class NoWorkbook(ValueError):
    """The bytes are not a workbook that can be read; the text says why."""


def read_workbook(data: bytes, notes: Notebook) -> tuple[str, list[Row]]:
    """The rows of all sheets with a heading. Raises NoWorkbook, or NoHeading where no sheet names a BMC's address."""
    _refuse_size(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what openpyxl does not support is styles, charts and validation
            return _read(data, notes)
    except (NoHeading, NoWorkbook):
        raise
    except (
        Exception
    ) as error:  # openpyxl raises what its parsers raise: KeyError, ValueError, ParseError, BadZipFile, ...
        raise NoWorkbook(f"the workbook is damaged ({shown(error, 100)}): save it again, or as CSV UTF-8") from None


class _Reader(ExcelReader):
    """openpyxl's reader, without charts: a sheet of a chart has no rows, and one without its drawing is an error to openpyxl."""

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        self.wb._add_sheet(Chartsheet(parent=self.wb))  # its place counts: names of ranges refer to sheets by number


def _opened(data: bytes, *, saved: bool) -> Any:
    """The workbook with the values that its formulas had when it was saved, or with the formulas."""
    reader = _Reader(io.BytesIO(data), read_only=True, keep_vba=False, data_only=saved, keep_links=False)
    reader.read()
    return reader.wb


def _read(data: bytes, notes: Notebook) -> tuple[str, list[Row]]:
    said, meant = _opened(data, saved=True), _opened(data, saved=False)
    marks = _marks(data)
    rows: list[Row] = []
    taken: list[str] = []
    reasons: list[str] = []
    why = ""
    for sheet, formulas in zip(said.worksheets, meant.worksheets, strict=True):
        mark = marks.get(sheet.title, _Marks())
        lines = _filled(list(_lines(sheet, formulas)), mark.merged)
        if sheet.sheet_state != "visible":
            notes.remark(f"sheet '{sheet.title}' is hidden and was not read")
            continue
        heading = heading_of([line for line in lines if not line.is_empty])
        if heading is None or not heading.has_address:
            reasons.append(sheet.title)
            why = why or _reason(lines)
            continue
        rows += rows_of(_visible(sheet.title, lines, mark.hidden, notes), _where(sheet.title), notes)
        taken.append(sheet.title)
    if not taken:
        raise NoHeading(f"{_names(reasons)}: {why}" if reasons else "no sheet is visible")
    if reasons:
        notes.remark(f"read from {_names(taken)}; no column of BMC addresses, so not read: {_names(reasons)}")
    return f"xlsx ({_names(taken)})", rows


def _lines(sheet: Any, formulas: Any) -> Iterator[TableLine]:
    """The lines of a sheet. A cell whose formula has no saved value is marked."""
    window = {"max_row": MOST_ROWS + 1, "max_col": MOST_COLUMNS, "values_only": True}
    for number, (saved, typed) in enumerate(
        zip(sheet.iter_rows(**window), formulas.iter_rows(**window), strict=False), 1
    ):
        if number > MOST_ROWS:
            raise NoWorkbook(f"sheet '{sheet.title}' has more than {MOST_ROWS} rows: remove the empty ones at its end")
        cells = [_cell(value, formula) for value, formula in zip(saved, typed, strict=False)]
        if any(text or kind for text, kind in cells):
            yield TableLine(number, tuple(text for text, _ in cells), tuple(kind for _, kind in cells))


def _cell(value: object, formula: object) -> tuple[str, str]:
    """A cell as text, and its kind."""
    if value is None:
        if isinstance(formula, str) and formula.startswith("="):
            text = unwrapped(formula)
            return ("", FORMULA) if text == formula else (text, "")
        return "", ""
    if isinstance(value, bool):
        return str(value).upper(), NUMBER
    if isinstance(value, datetime | date | time | timedelta):
        return str(value), DATE
    if isinstance(value, int | float):
        whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        return str(int(value) if whole else value), NUMBER
    return str(value), ""


def _filled(lines: Sequence[TableLine], merged: Sequence[tuple[int, int, int]]) -> list[TableLine]:
    """Lines in which each row of a range merged downwards has its value: one account for a whole rack is often written so."""
    by_number = {line.number: line for line in lines}
    for at, top, bottom in merged:
        first = by_number.get(top)
        if first is None or at >= len(first.texts):
            continue
        for number in range(top + 1, bottom + 1):
            line = by_number.get(number)
            if line is not None and at < len(line.texts):
                texts, kinds = list(line.texts), list(line.kinds)
                texts[at], kinds[at] = first.texts[at], first.kinds[at]
                by_number[number] = TableLine(number, tuple(texts), tuple(kinds))
    return list(by_number.values())


def _visible(title: str, lines: Sequence[TableLine], hidden: frozenset[int], notes: Notebook) -> list[TableLine]:
    gone = [str(line.number) for line in lines if line.number in hidden and not line.is_empty]
    if gone:
        notes.remark(f"sheet '{title}': hidden rows were not taken: {', '.join(gone[:20])}; unhide them to import them")
    return [line for line in lines if line.number not in hidden]


def _where(title: str) -> Any:
    def where(line: int, at: int, name: str) -> str:
        if at < 0:
            return f"sheet '{title}'"
        return f"{title}!{_letters(at)}{line}" + (f" ({name})" if name else "")

    return where


def _letters(at: int) -> str:
    return (_letters(at // 26 - 1) if at >= 26 else "") + chr(ord("A") + at % 26)


def _reason(lines: Sequence[TableLine]) -> str:
    try:
        rows_of(lines, lambda line, at, name: name, Notebook())
    except NoHeading as error:
        return str(error)
    return ""


def _names(titles: Iterable[str]) -> str:
    found = [f"'{shown(title, 40)}'" for title in titles]
    return ("sheet " if len(found) == 1 else "sheets ") + ", ".join(found)


def _refuse_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise NoWorkbook(f"not a workbook: {shown(error, 100)}") from None
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        ods = any(name in names for name in ("content.xml", "mimetype"))
        raise NoWorkbook(
            "an OpenDocument spreadsheet: save it as .xlsx or as CSV UTF-8"
            if ods
            else "an archive without a workbook of Excel"
        )
    if sum(part.file_size for part in parts) > MOST_UNPACKED or len(parts) > 5000:
        raise NoWorkbook(f"unpacks to more than {MOST_UNPACKED >> 20} MiB: save only the machines, as CSV UTF-8")


@dataclass(frozen=True)
class _Marks:
    """What openpyxl does not give where it reads only: hidden rows, and ranges that are merged downwards as (column from 0, first and
    last row)."""

    hidden: frozenset[int] = frozenset()
    merged: tuple[tuple[int, int, int], ...] = ()


def _marks(data: bytes) -> dict[str, _Marks]:
    """The marks of each sheet by its title."""
    found: dict[str, _Marks] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        relations = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
        targets = {one.get("Id"): one.get("Target") or "" for one in relations}
        book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
        for sheet in book.iter(f"{_MAIN}sheet"):
            target = targets.get(sheet.get(_RELATION), "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            if path in packed.namelist():
                found[sheet.get("name") or ""] = _marks_of(packed.read(path))
    return found


def _marks_of(sheet: bytes) -> _Marks:
    """From the attributes of a sheet's tags; openpyxl has parsed it whole by now."""
    tags = re.findall(rb"<(?:\w+:)?row\b[^>]*>", sheet)
    rows = (re.search(rb'\br="(\d{1,7})"', tag) for tag in tags if re.search(rb'\bhidden="(?:1|true)"', tag))
    ranges = re.findall(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"', sheet)
    merged = [
        (_column(left), int(top), min(int(bottom), MOST_ROWS))
        for left, top, right, bottom in ranges[:MOST_MERGED]
        if left == right
    ]
    if sum(bottom - top for _, top, bottom in merged) > 10 * MOST_ROWS:
        merged = []
    return _Marks(frozenset(int(row[1]) for row in rows if row), tuple(merged))


def _column(letters: bytes) -> int:
    at = 0
    for letter in letters:
        at = at * 26 + letter - ord("A") + 1
    return at - 1
