"""CSV of any dialect: comma, semicolon, tab or bar, with or without `sep=`, in the encodings that spreadsheets write."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace

from seedvm.base.errors import SeedvmError
from seedvm.foreign import identity
from seedvm.machines.lists.headings import meaning
from seedvm.machines.lists.rows import Cell, NamedCell, Notebook, Row, put
from seedvm.machines.lists.table import NoHeading, TableLine, heading_of, rows_of
from seedvm.machines.lists.values import clean

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# Bifrost's legacy form has no heading; these are its columns by position.
_BIFROST = (
    *(
        "mac",
        "ipmi_username",
        "ipmi_password",
        "ipmi_address",
        "cpus",
        "memory",
        "disk",
        "flavor",
        "column 9",
        "uuid",
    ),
    *("name", "host ip", "ipmi_target_channel", "ipmi_target_address", "ipmi_transit_channel", "ipmi_transit_address"),
    "driver",
)


def decoded(data: bytes, path: str) -> tuple[str, bool]:
    """Text as spreadsheets save it: UTF-8 with or without BOM, UTF-16, else Windows-1252; and whether that is certain.

    Raises SeedvmError with the line and the byte that is not text.
    """
    codes: tuple[str, ...] = ("utf-8-sig", "cp1252")
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        codes = ("utf-32",)
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codes = ("utf-16",)
    elif (
        max(data[:400:2].count(0), data[1:400:2].count(0)) * 4
        > len(data[:400])
        > 8 * min(data[:400:2].count(0), data[1:400:2].count(0))
    ):
        # UTF-16 without its mark: in Latin text every second byte is 0.
        codes = ("utf-16-le",) if data[1:400:2].count(0) > data[:400:2].count(0) else ("utf-16-be",)
    else:
        data = data.rstrip(b"\0")  # a C string that was sent whole
    at = 0
    for code in codes:
        try:
            text = data.decode(code)
        except UnicodeDecodeError as error:
            at = error.start
            continue
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            raise SeedvmError(
                f"{path} is not text", why=f"line {line}: it has a zero byte", hint="save it as CSV UTF-8"
            )
        return text, code != "cp1252"
    line = data[:at].count(b"\n") + 1
    why = f"line {line}: byte {data[at]:#04x} is not a character"
    raise SeedvmError(f"{path} is not text", why=why, hint="save it as CSV UTF-8") from None


def read_csv(text: str, notes: Notebook) -> tuple[str, list[Row]]:
    """The rows of a CSV, and its dialect's name; raises NoHeading with what is missing."""
    skipped, text, said = _declared(text)
    delimiter = said or _delimiter(text)
    lines = []
    try:
        for line in _records(text, delimiter, skipped):
            lines.append(line)
    except csv.Error as error:
        raise NoHeading(f"not CSV: {error}") from None
    width = max((text.count(delimiter) for text in text.splitlines()[:60]), default=0)
    why = "a quote is opened here and not closed: check the quotes"
    lines = [replace(line, broken=why) if _has_open_quote(line, delimiter, width) else line for line in lines]
    form = f"CSV ({DELIMITERS[delimiter]})"
    full = [line for line in lines if not line.is_empty]
    if full and heading_of(full) is None and all(_is_bifrost(line) for line in full if not line.is_comment):
        return "CSV of bifrost", [_bifrost_row(line, notes) for line in full if not line.is_comment]
    return form, rows_of(lines, lambda line, at, name: name, notes)


def _declared(text: str) -> tuple[int, str, str]:
    """Lines that are skipped, the rest, and the delimiter that Excel's first line `sep=;` declares."""
    found = re.match(r'\s*"?sep=(.)"?[ ,;\t|]*(?:\r\n|\r|\n|$)', text, re.IGNORECASE)
    if not found or found[1] not in DELIMITERS:
        return 0, text, ""
    return len(found[0].splitlines()), text[found.end() :], found[1]


def _delimiter(text: str) -> str:
    """The delimiter under which a heading is found; else the most frequent of the first line."""
    sample = "\n".join(text[:100_000].splitlines()[:60])
    best = (-1, -1, ",")
    for delimiter in DELIMITERS:
        try:
            lines = [line for line in _records(sample, delimiter, 0) if not line.is_empty]
        except csv.Error:
            continue
        heading = heading_of(lines)
        score = 100 * heading.has_address + heading.known if heading else 0
        width = len(lines[0].texts) if lines else 0
        best = max(best, (score, width, delimiter), key=lambda one: one[:2])
    return best[2]


def _records(text: str, delimiter: str, above: int) -> Iterator[TableLine]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    first = 1
    for record in reader:
        if record:
            yield TableLine(first + above, tuple(record))
        first = reader.line_num + 1


def _has_open_quote(line: TableLine, delimiter: str, width: int) -> bool:
    """Whether a cell has swallowed rows, as one does whose quote is never closed. A comment may have several lines."""
    return any(inner.count(delimiter) >= max(1, width // 2) for text in line.texts for inner in text.split("\n")[1:])


def _is_bifrost(line: TableLine) -> bool:
    return len(line.texts) >= 11 and identity.mac(clean(line.texts[0])) is not None and "." in line.texts[3]


def _bifrost_row(line: TableLine, notes: Notebook) -> Row:
    row = Row(line.number, "")
    cells = [
        NamedCell(name, meaning(name), Cell(text, line.number, name))
        for name, text in zip(_BIFROST, line.texts, strict=False)
    ]
    put(row, cells, False, notes)
    return row
