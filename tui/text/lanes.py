"""A line per machine, in the order of the rack: where it is, what it is to be, its stage, and the time in it beside the usual. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from seedvm.base.rows import Line, Rows, Span
from seedvm.engine.stages import stalled
from seedvm.engine.state import NodeView, State
from tui.state.estimate import WAY, usual_stage, way_share
from tui.state.machines import MachineView
from tui.text.format import duration, fit, middle
from tui.text.rack import sign
from tui.widgets.paint import bar

_READY = {
    "found": "found",
    "login": "account proven",
    "registered": "registered",
    "inspected": "ready",
    "joined": "joined",
    "active": "active",
}
_NAME, _PART, _STAGE, _TIMES, _MORE = 15, 12, 10, 15, 22
_ROOMY = 100


def unit_width(machines: Sequence[MachineView]) -> int:
    """Cells for the place of a machine: its unit, with the rack's name where there are several."""
    racks = {one.place.rack for one in machines}
    return max((len(_where(one, racks)) for one in machines), default=2)


def _where(one: MachineView, racks: set[str]) -> str:
    if one.place.unit is None:
        return " ?"
    return str(one.place) if len(racks) > 1 else f"{one.place.unit:2d}"


def head(machines: Sequence[MachineView], width: int) -> str:
    """The columns' names."""
    text = f"{fit('U', max(2, unit_width(machines)))}   {fit('machine', _NAME)} {fit('is to be', _PART)} {fit('stage', _STAGE)} progress"
    times = f"{'in it':>7} {'usual':>7}"
    return fit(text, width - len(times)) + times if width > len(text) + len(times) else text


def lane_lines(machines: Sequence[MachineView], state: State, now: float, width: int) -> Sequence[Line]:
    """A line per machine, made as they are looked at."""
    if not machines:
        return [[("no machines known yet", "dim")]]
    racks, where = {one.place.rack for one in machines}, max(2, unit_width(machines))
    return Rows(machines, lambda one: _lane(one, fit(_where(one, racks), where), state, now, width))


def _lane(one: MachineView, where: str, state: State, now: float, width: int) -> Line:
    mark, colour = sign(one)
    node = one.node
    line: list[Span] = [
        (f"{where} ", "dim"),
        (f"{mark} ", colour),
        (f"{fit(middle(one.name, _NAME), _NAME)} ", ""),
        (f"{fit(one.part, _PART)} ", "dim"),
    ]
    left = width - len(where) - 3 - _NAME - _PART - 2
    if one.fault or one.lacks:
        stage = "unfit" if one.lacks and not one.fault else node.phase if node is not None else "failed"
        style = "bad" if one.fault else "warn"
        return [
            *line,
            (f"{fit(stage, _STAGE)} ", style),
            (middle(one.fault or one.lacks, max(8, left - _STAGE - 1)), style),
        ]
    if node is None:
        return [*line, ("not heard of yet", "dim")]
    if node.phase not in WAY:
        busy = node.phase == "inspecting"
        took = f"{duration(now - node.since)}  " if busy else ""
        detail = middle(took + node.detail, max(8, left - _STAGE - 1)) if left > 24 else ""
        style = "good" if node.phase in ("joined", "active") else "busy" if busy else ""
        return [*line, (f"{fit(_READY.get(node.phase, node.phase), _STAGE)} ", style), (detail, "dim")]
    return [*line, (f"{fit(node.phase, _STAGE)} ", "busy"), *_progress(node, state, now, left - _STAGE - 1)]


def _progress(node: NodeView, state: State, now: float, left: int) -> list[Span]:
    """The bar of its whole way, what it does, and the time in this stage beside the usual one of this site."""
    more = _MORE if left >= 60 else 0
    wide = max(4, left - _TIMES - more - 1)
    usual, gone = usual_stage(state, node.phase), now - node.since
    late = bool(usual) and gone > 1.5 * usual
    beside = f" {'~' + _short(usual):>7}" if usual else " " * 8
    times: list[Span] = [(f"{_short(gone):>7}", "warn" if late else "strong"), (beside, "dim")]
    percent = f"{node.percent:.0f}% " if node.percent is not None else ""
    detail = (
        [(" " + fit(middle(percent + node.detail, more - 1), more - 1), "warn" if stalled(node.detail) else "dim")]
        if more
        else []
    )
    return [*bar(way_share(state, node, now), wide), *detail, *times]


def _short(seconds: float) -> str:
    """A duration in at most six cells."""
    return duration(seconds) if seconds < 3600 else f"{seconds / 3600:.0f} h"


def wanted_of(machines: Sequence[MachineView], wanted: str) -> Sequence[MachineView]:
    """Those whose place, names, part or words hold what is searched for."""
    if not wanted:
        return machines
    small = wanted.lower()
    return [one for one in machines if small in _words(one)]


def _words(one: MachineView) -> str:
    said = f"{one.node.phase} {one.node.detail}" if one.node is not None else ""
    named = f"{one.place} {one.key} {one.bmc} {one.name} {one.part} {one.serial} {one.switch} {one.port}"
    return f"{named} {one.fault} {one.lacks} {said}".lower()


def needy(machines: Sequence[MachineView]) -> list[str]:
    """The keys of machines that need somebody."""
    return [one.key for one in machines if one.fault]
