"""Marks, graphs and figures out of which pages of a running undercloud are made: each fits a cell or a column. Pure.

Nothing is told by colour alone: each state has a mark of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from seedvm.base.rows import Line, Span
from seedvm.foreign.text import fitted

_RISING, _RISING_ASCII = "▁▂▃▄▅▆▇█", "_.-=+*%#"
_MARKS = {"good": ("●", "*"), "free": ("○", "o"), "busy": ("◐", ">"), "bad": ("✖", "X"), "notice": ("!", "!")}


def mark(name: str, ascii: bool) -> str:
    """The sign of a state: one cell."""
    return _MARKS[name][ascii]


def clock(at: float) -> str:
    """Time of day, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if at else " " * 8


def lasting(seconds: float) -> str:
    """40 s, 12 min, 3 h 05, 4 days."""
    if seconds < 90:
        return f"{max(0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d}"
    return f"{seconds / 86400:.0f} days"


def amount(number: float) -> str:
    """Bytes, readable: 812 MiB, 2.2 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def graph(values: Sequence[float | None], ascii: bool, *, top: float = 0.0) -> str:
    """A column for each value: its height, a blank where there is none, a cross where it is without bound (it failed)."""
    rising = _RISING_ASCII if ascii else _RISING
    known = [one for one in values if one is not None and one != float("inf")]
    most = max([top, *known]) or 1.0
    return "".join(
        " " if one is None else mark("bad", ascii) if one == float("inf") else rising[min(7, int(one / most * 7.99))]
        for one in values
    )


def bunched(values: Sequence[float], count: int) -> tuple[float | None, ...]:
    """The highest of each of `count` equal parts, the newest last."""
    if len(values) <= count:
        return (*(None,) * (count - len(values)), *values)
    each = len(values) / count
    return tuple(max(values[int(n * each) : max(int(n * each) + 1, int((n + 1) * each))]) for n in range(count))


def text(line: Line) -> str:
    """A line without its styles."""
    return "".join(part for part, _ in line).rstrip()


def within(spans: Sequence[Span], width: int) -> Line:
    """The spans cut at the width."""
    found: list[Span] = []
    for part, style in spans:
        if (room := width - sum(len(one) for one, _ in found)) <= 0:
            break
        found.append((part if len(part) <= room else fitted(part, room), style))
    return found
