"""Words and bars: figures turned into what fits in a column. Pure; knows no widget."""

from __future__ import annotations

from datetime import UTC, datetime

from seedvm.foreign.text import fitted

MARKS = {"waiting": " ", "todo": " ", "running": ">", "done": "x", "failed": "!", "blocked": "?"}
"""How a step's state is drawn between brackets; ASCII in both themes, so that pictures and pastes agree."""


def duration(seconds: float | None) -> str:
    """12 s, 4:05, 1:02:03; a dash for None."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds + 0.5))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def clock(time: float) -> str:
    """Time of day in UTC, 14:05:09; blank for 0."""
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S") if time else " " * 8


def text_bar(fraction: float, width: int) -> str:
    """A bar between brackets, `width` cells in all."""
    inner = max(1, width - 2)
    full = round(min(1.0, max(0.0, fraction)) * inner)
    return "[" + "#" * full + "." * (inner - full) + "]"


def fit(text: str, width: int) -> str:
    """The text in exactly `width` cells: padded, or cut with a tilde at its end."""
    return fitted(text, width)


def size(number: float, unit: str) -> str:
    """A figure with its unit, bytes made readable."""
    if unit in ("B", "bytes"):
        for name in ("B", "KiB", "MiB"):
            if number < 1024:
                return f"{number:.0f} {name}"
            number /= 1024
        return f"{number:.1f} GiB"
    shown = f"{number:.0f}" if float(number).is_integer() else f"{number:.1f}"
    return f"{shown} {unit}".rstrip()


def middle(text: str, width: int) -> str:
    """The text in at most `width` cells: where it is too long, what stands in its middle goes, because a cause ends a sentence as often as
    it begins one."""
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    keep = max(1, width - 3)
    head = keep - keep * 2 // 5
    return f"{line[:head].rstrip()} ~ {line[len(line) - (width - 3 - head) :].lstrip()}"[:width]
