"""The rack as a picture: a line per unit that something is in, the empty ones between them in one. Pure; made for a width.

What a machine is for is its filling, how it does is its sign and its colour: each reads without the other two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from seedvm.base.rows import Line
from tui.state.machines import MachineView
from tui.text.format import fit


def sign(one: MachineView) -> tuple[str, str]:
    """A machine's sign and its style: fault, left out, on, off, unknown."""
    if one.fault:
        return "✖", "bad"
    if one.lacks or one.part == "excluded":
        return "\u2573", "warn"
    if one.power == "on":
        return "●", "good" if one.node is not None and one.node.phase in ("joined", "active") else "busy"
    return ("○", "dim") if one.power == "off" else ("?", "dim")


def short_part(one: MachineView) -> str:
    """undercloud-0 as u-0; what is left out as that."""
    return one.part.replace("undercloud-", "u-").replace("undercloud", "u") or "found"


def _fill(one: MachineView) -> tuple[str, str]:
    if one.fault:
        return "✖", "bad"
    if one.part.startswith("undercloud"):
        return "█", sign(one)[1]
    if one.lacks or one.part == "excluded":
        return "\u2573", "warn"
    return ("▓", "good") if one.node is not None and one.node.phase == "active" else ("░", "dim")


def rack_lines(machines: Sequence[MachineView], marked: str, width: int) -> list[Line]:
    """All racks from the top down, then the machines whose unit is unknown. `marked` is the key of the machine that is pointed at."""
    lines: list[Line] = []
    placed = [one for one in machines if one.place.unit is not None]
    for rack, inside in groupby(placed, key=lambda one: one.place.rack):
        lines += [[(fit(f"rack {rack}" if rack else "the rack", width).rstrip(), "accent strong")]]
        lines += _units(list(inside), marked, width)
    if unknown := [one for one in machines if one.place.unit is None]:
        lines += _unknown(unknown, marked, width, alone=not placed)
    return lines or [[("no machines known yet", "dim")]]


def _units(machines: Sequence[MachineView], marked: str, width: int) -> Iterable[Line]:
    above = 0
    for one in machines:
        unit, height = one.place.unit or 0, max(1, one.place.height)
        if above and (gap := above - unit - height):
            yield _gap(gap, width)
        for level in range(height - 1, -1, -1):
            yield _slot(one, f"{unit + level:2d}", marked, width, named=level == height - 1)
        above = unit
    if above > 1:
        yield _gap(above - 1, width)


def _gap(units: int, width: int) -> Line:
    return [(fit(f" …    {units} U empty", width).rstrip(), "dim")]


def _slot(one: MachineView, unit: str, marked: str, width: int, *, named: bool) -> Line:
    glyph, style = _fill(one)
    wide = max(4, min(8, width - 13))
    point = " marked" if one.key == marked else ""
    mark, colour = sign(one)
    text = short_part(one) if named else ""
    return [
        (f"{unit} ", f"dim{point}" if not point else "strong marked"),
        (mark + " ", colour),
        (glyph * wide, style),
        (f" {fit(text, max(0, width - wide - 6)).rstrip()}", style if one.fault else ""),
    ]


def _unknown(machines: Sequence[MachineView], marked: str, width: int, *, alone: bool) -> Iterable[Line]:
    """Those whose unit nobody has said: in the order of their switch ports where these are known, and said to be so."""
    by_port = any(one.port for one in machines)
    head = "units unknown" if alone else "and unknown units"
    yield [(fit(head, width).rstrip(), "accent strong")]
    yield [(fit("by switch port" if by_port else "by BMC address", width).rstrip(), "dim")]
    for one in machines:
        yield _slot(one, " ?", marked, width, named=True)
    yield [(fit("i says rack and U", width).rstrip(), "dim")]
