"""The hand-off as a picture: the seed on the left, the undercloud on the right, COMMIT as the line between them, crossed once.

Pure: no widget, no file. It says what the journal says, and no more: what is not known has a dash.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.rows import Line
from seedvm.engine.state import State
from tui.state.watcher import View
from tui.text.canvas import Canvas
from tui.text.format import clock, fit

_WIDE = 120
_MEMBERS = 5
_BEFORE = ("QUIESCE", "FENCE", "COMMIT")


@dataclass(frozen=True)
class Moved:
    """How far the hand-off is. `commit` is ahead, begun or passed; `undone`: it was taken back and has not begun again."""

    begun: bool
    joined: bool
    compared: bool
    fenced: bool
    commit: str
    began: float
    passed: float
    holder: str
    left: bool
    undone: bool


def moved(state: State) -> Moved:
    """Read from phases and steps."""
    commit = state.phases.get("COMMIT")
    leave = state.step("leave-cluster")
    live = [state.phases[name] for name in _BEFORE if name in state.phases]
    holder = str(state.facts.get("vip_holder") or "")
    passed = commit is not None and commit.state == "done"
    return Moved(
        begun=any(one.state != "undone" for one in live),
        joined=_done(state, "JOIN", "join"),
        compared=_done(state, "COMPARE", "handoff-compare"),
        fenced=_done(state, "FENCE", "handoff-fence"),
        commit="passed" if passed else "begun" if commit is not None and commit.state == "started" else "ahead",
        began=commit.began if commit is not None else 0.0,
        passed=commit.time if commit is not None and passed else 0.0,
        holder=holder if holder in members(state) else "",
        left=leave is not None and leave.state == "done",
        undone=bool(live) and all(one.state == "undone" for one in live),
    )


def _done(state: State, phase: str, step: str) -> bool:
    seen, done = state.phases.get(phase), state.step(step)
    if seen is not None and seen.state in ("undone", "failed"):
        return False
    return (seen is not None and seen.state == "done") or (done is not None and done.state == "done")


def members(state: State) -> tuple[str, ...]:
    """The names of the undercloud's controllers, as far as the journal names them."""
    return tuple(sorted(name for name in state.nodes if "-undercloud-" in name))[:_MEMBERS]


def picture(view: View, width: int) -> list[Line]:
    """Who holds what, and which side a failure leads to."""
    return _wide_picture(view, width) if width >= _WIDE else _narrow_picture(view, width)


@dataclass(frozen=True)
class _Row:
    """One thing that moves: what the seed has of it, how it goes over, and what each member has; `over` says that it did."""

    seed: str
    way: str
    over: bool
    each: tuple[tuple[str, str], ...]
    heavy: bool = False


def _rows(state: State, names: tuple[str, ...], wide: bool) -> list[_Row]:
    at = moved(state)
    count = len(names)
    gone = bool(at.holder) or at.commit == "passed"
    silent = at.fenced or at.commit == "passed"
    secrets, images = first_of(state.facts.get("secrets_proven")), first_of(state.facts.get("images_compared"))
    tick, colour = ("✔", "good") if at.compared else ("·", "dim")
    same = (f"{tick} {images or '-'}  {tick} {secrets or '-'}", colour)
    synced = ("✔ synced", "good") if at.joined else ("· joins", "dim")
    services = "Ironic Heat  " if wide else "workers  "
    rows = [
        _Row(
            services + ("silent" if silent else "at work"), "take over" if wide else "over", silent, _serving(at, names)
        ),
        _Row(
            f"database {'left' if at.left else 'member'}",
            "replicated" if wide else "in sync",
            at.joined,
            (synced,) * count,
            True,
        ),
        _Row(f"VIP      {'○ gone' if gone else '● here'}", clock(at.passed or at.began), gone, _holding(at, names)),
    ]
    if wide:
        copies = f"{images or '-'} images   {secrets or '-'} secrets"
        rows.append(_Row(copies, "the same", at.compared, (same,) * count, True))
    return rows


def _serving(at: Moved, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if not at.holder:
        return ((("○ serves", "good") if at.commit == "passed" else ("· waits", "dim")),) * len(names)
    return tuple(("● active", "good") if one == at.holder else ("○ standby", "") for one in names)


def _holding(at: Moved, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(("● VIP", "good") if one == at.holder else ("", "") for one in names)


def first_of(value: object) -> str:
    """`3` of "3 on 3 nodes"; the sum of "1 keystone credential, 6 bmc"."""
    numbers = [part.split()[0] for part in str(value or "").split(",") if part.split() and part.split()[0].isdecimal()]
    return str(sum(map(int, numbers))) if numbers else ""


def _wide_picture(view: View, width: int) -> list[Line]:
    rows = _rows(view.state, members(view.state), wide=True)
    return _draw(view, width, rows, seed=min(34, width // 4), gap=(width - 2 * min(34, width // 4)) // 4, wide=True)


def _narrow_picture(view: View, width: int) -> list[Line]:
    rows = _rows(view.state, members(view.state), wide=False)
    return _draw(view, width, rows, seed=20 if width < 100 else 24, gap=11 if width < 100 else 15, wide=False)


def _draw(view: View, width: int, rows: list[_Row], *, seed: int, gap: int, wide: bool) -> list[Line]:
    state = view.state
    at, names = moved(state), members(state)
    line, right = 2 + seed + gap, 2 + seed + 2 * gap + 1
    cell = max(8, (width - right - 1) // max(1, len(names)))
    canvas = Canvas(width, len(rows) + 5 + wide)
    passed = at.commit == "passed"
    stroke = "good" if passed else "warn" if at.commit == "begun" else "dim"
    canvas.put(4, 0, "SEED, this laptop", "dim" if at.left else "strong")
    canvas.middle(line - 9, 0, 20, "point of no return", stroke)
    canvas.put(right + 2, 0, "UNDERCLOUD", "strong")
    tall = len(rows) + 2 + wide
    canvas.box(2, 1, seed, tall, "dim")
    if wide:
        canvas.put(4, 2, "Keystone Nova Neutron Glance"[: seed - 4], "dim" if passed else "")
    top = 1 + wide
    for number in range(len(names)):
        canvas.box(right + number * cell, 1, cell + 1, tall, "dim")
        if number:
            canvas.put(right + number * cell, 1, "┬", "dim")
            canvas.put(right + number * cell, tall, "┴", "dim")
    for number, one in enumerate(names):
        if wide:
            canvas.put(right + number * cell + 2, 2, fit(_short(one, view), cell - 3).rstrip(), "strong")
        else:
            canvas.middle(right + number * cell, 1, cell, f" {_tiny(one)} ", "strong")
    if not names:
        canvas.put(right, 2, "no controller yet", "dim")
    for number, row in enumerate(rows, top + 1):
        _draw_row(canvas, number, row, (seed, line, right, cell), bool(names))
    foot = len(rows) + 3 + wide
    for y in range(1, foot + 1):
        crossing = {"─": "╂", "═": "╬"}.get(_letter(canvas, line, y), "┃")
        canvas.put(line, y, crossing, stroke)
    _draw_ways(canvas, foot, line, width, at)
    canvas.put(max(2, line - 1), foot + 1, f" {_commit_words(at)}", stroke if at.commit != "ahead" else "")
    canvas.put(line, foot + 1, "▲", stroke)
    return canvas.lines


def _draw_row(canvas: Canvas, y: int, row: _Row, at: tuple[int, int, int, int], members_known: bool) -> None:
    seed, line, right, cell = at
    canvas.put(4, y, row.seed[: seed - 4], "dim" if row.over and "gone" in row.seed else "")
    stroke, style = ("═" if row.heavy else "─"), "good" if row.over else "dim"
    if row.over:
        canvas.put(seed + 2, y, stroke * (right - seed - 3) + "▶", style)
    else:
        canvas.put(seed + 2, y, "┄" * (line - seed - 3), style)
    room = right - line - 4
    words = row.way[: max(0, room)]
    if row.over and words:
        canvas.middle(line + 1, y, right - line - 2, f" {words} ", style)
    if members_known:
        for number, (text, colour) in enumerate(row.each):
            canvas.put(right + number * cell + 2, y, fit(text, cell - 2).rstrip(), colour)


def _letter(canvas: Canvas, x: int, y: int) -> str:
    text = "".join(part for part, _ in canvas.lines[y])
    return text[x] if x < len(text) else " "


def _draw_ways(canvas: Canvas, y: int, line: int, width: int, at: Moved) -> None:
    """Where a failure leads: back on the left of the line, forward on its right. What counts now is the bright one."""
    over = at.commit != "ahead"
    back, on = "a failure goes back by itself", "a failure goes forward: r resumes"
    if line < len(back) + 8:
        back, on = "a failure goes back", "a failure goes forward: r"
    start = max(0, line - len(back) - 6)
    canvas.put(start, y, f"{back} ◀", "dim" if over else "strong")
    canvas.put(start + len(back) + 2, y, "─" * (line - start - len(back) - 2), "dim" if over else "strong")
    canvas.put(line + 1, y, f"───▶ {on}"[: width - line - 1], "strong" if over else "dim")


def _commit_words(at: Moved) -> str:
    if at.commit == "passed":
        began = f"began {clock(at.began)}, " if at.began and int(at.began) != int(at.passed) else ""
        return f"  COMMIT {began}passed {clock(at.passed)}"
    if at.commit == "begun":
        return f"  COMMIT began {clock(at.began)}: from here only forward"
    return "  COMMIT: undone, not reached" if at.undone else "  COMMIT: not reached"


def _short(name: str, view: View) -> str:
    return name.removeprefix(f"{view.state.site}-")


def _tiny(name: str) -> str:
    return "u-" + name.rpartition("-")[2]
