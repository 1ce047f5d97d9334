"""The road in a line: stations with their times, the bar of time with YES, and what needs somebody. Pure; made for a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvm.base.rows import Line, Span
from seedvm.engine.stages import Stage
from seedvm.engine.state import State, StepView
from tui.state.estimate import gone_of, usual_of
from tui.state.gauge import Reading
from tui.state.needs import NeedsYou
from tui.text.format import duration, fit, middle
from tui.widgets.paint import bar

_STATIONS: tuple[tuple[str, tuple[Stage, ...]], ...] = (
    ("Site", ("preflight", "seed")),
    ("Find", ("discover", "credentials")),
    ("Inspect", ("register", "inspect")),
    ("Review", ("review",)),
    ("Deploy", ("images", "deploy")),
    ("Join", ("join",)),
    ("Hand-off", ("handoff",)),
    ("Rehearse", ()),
    ("Leave", ("leave",)),
)
_MARKS = {
    "done": ("✔", "good"),
    "now": ("▶", "strong"),
    "failed": ("✖", "bad"),
    "you": ("?", "warn"),
    "todo": ("·", "dim"),
}
_WIDE = 110


@dataclass(frozen=True)
class Station:
    """`state` is done, now, failed, you (somebody is waited for) or todo; seconds are what it took, has taken so far, and usually takes."""

    name: str
    state: str
    took: float
    usual: float


def stations(state: State, now: float, *, running: bool) -> tuple[Station, ...]:
    """Where the deployment is on its way."""
    found: list[Station] = []
    for name, stages in _STATIONS:
        steps = [step for step in state.steps if _of(step, name, stages)]
        if steps or not state.steps:
            found.append(_station(state, name, steps, now, running=running))
    at = next((n for n, one in enumerate(found) if one.state != "done"), None)
    if state.steps and at is not None and found[at].state == "todo" and not any(one.state == "now" for one in found):
        found[at] = Station(found[at].name, "now", found[at].took, found[at].usual)
    return tuple(found)


def _of(step: StepView, name: str, stages: Sequence[str]) -> bool:
    rehearses = step.name.endswith("rehearse")
    return rehearses if name == "Rehearse" else step.stage in stages and not rehearses


def _station(state: State, name: str, steps: Sequence[StepView], now: float, *, running: bool) -> Station:
    states = {step.state for step in steps}
    took = sum((step.seconds or 0.0) if step.state == "done" else gone_of(step, now) for step in steps)
    usual = sum((step.seconds or 0.0) if step.state == "done" else usual_of(state, step) for step in steps)
    if steps and states == {"done"}:
        return Station(name, "done", took, usual)
    if not running and "blocked" in states:
        return Station(name, "you", took, usual)
    if not running and "failed" in states:
        return Station(name, "failed", took, usual)
    return Station(name, "now" if states & {"running", "failed", "blocked"} else "todo", took, usual)


def road_line(found: Sequence[Station], width: int) -> Line:
    """All stations: with as many of their times as there is room for."""
    for times in ("all", "now", "none"):
        line = _stations_line(found, times)
        if sum(len(text) for text, _ in line) <= width:
            return line
    short = [one for one in found if one.name != "Join" or one.state in ("now", "failed", "you")]
    return _stations_line(short, "none", gap=" " if width < 80 else "  ")


def _stations_line(found: Sequence[Station], times: str, gap: str = "   ") -> list[Span]:
    gap = gap if times == "all" else gap[:2]
    spans: list[Span] = []
    for one in found:
        mark, style = _MARKS[one.state]
        here = one.state in ("now", "failed", "you")
        name = one.name.upper() if here else one.name
        told = times == "all" or (times == "now" and here)
        spans += [((gap if spans else " ") + f"{mark} ", style), (name, style if style != "good" else "")]
        if told and (text := _time(one)):
            spans.append((f" {text}", "dim" if not here else style))
    return spans


def _time(one: Station) -> str:
    if one.name == "Review":
        return "(you)"
    if one.state == "done":
        return _minutes(one.took)
    if one.state == "todo":
        return f"~{_minutes(one.usual)}" if one.usual else ""
    return f"{_minutes(one.took)} of ~{_minutes(one.usual)}" if one.usual else _minutes(one.took)


def _minutes(seconds: float) -> str:
    whole = max(0, int(seconds + 0.5))
    return f"{whole // 60}:{whole % 60:02d}" if whole < 3600 else duration(seconds)


def time_line(reading: Reading, now: float, width: int, *, safe: bool = False) -> Line:
    """The bar of time, percent, and when the laptop may leave."""
    words, word_style = yes_words(reading, now, width, safe=safe)
    tail = f" {reading.share * 100:3.0f} %"
    later = _later_words(reading, width)
    taken = len(tail) + len(later) + len(words) + 6
    wide = max(8, width - taken)
    fill = "good" if safe else "busy"
    return [
        (" ", ""),
        *bar(reading.share, wide, fill),
        (tail, "strong"),
        ("  ", ""),
        (later, "warn"),
        (f"  {words}", word_style),
    ]


def yes_words(reading: Reading, now: float, width: int, *, safe: bool = False) -> tuple[str, str]:
    """When it is YES, with its band; how long after an answer where somebody is waited for."""
    made = reading.forecast
    if safe:
        return "YES now", "good"
    if made is None:
        return "", ""
    if reading.stands:
        return f"YES ~{_minutes(made.left)} after it continues", "warn"
    left = f"{_minutes(made.left)} left  " if width >= _WIDE else ""
    return f"{left}YES ~{_clock(now + made.left)} ({_clock(now + made.early)}-{_clock(now + made.late)})", "strong"


def _later_words(reading: Reading, width: int) -> str:
    if reading.later is None:
        return ""
    short = f"{_minutes(reading.later.seconds)} later"
    return fit(f"{short}: {reading.later.why}", min(60, width - 80)).rstrip() if width >= _WIDE else short


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time + 30, UTC).strftime("%H:%M")


def need_line(needs: Sequence[NeedsYou], name: str, width: int) -> Line:
    """The first of what needs somebody, the number of all, and the key that leads there; what is only to be read is counted apart.
    The cause is what is cut last."""
    first = needs[0]
    style = "warn" if first.asks or first.read else "bad"
    mark = "?" if first.asks else "!" if first.read else "✖"
    read = sum(1 for one in needs if one.read)
    urgent = len(needs) - read
    head = f" {mark} {urgent} NEED{'S' if urgent == 1 else ''} YOU  " if urgent else f" {mark} {read} to read  "
    tail = (f"   {read} to read" if urgent and read else "") + "   n go to it "
    room = max(10, width - len(head) - len(tail))
    who = f"{name}: " if name else ""
    return [(head, f"{style} strong"), (fit(middle(who + first.what, room), room), style), (tail, "strong")]
