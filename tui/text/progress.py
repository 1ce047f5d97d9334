"""What there is to read about a State, as lines of styled spans: the same words for the screen and for line mode.

Pure: no widget, no file. It refuses to sound surer than the receipt: `light` never says YES without one that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from seedvm.engine.stages import stalled
from seedvm.engine.state import Failure, LogLine, NodeView, State, StepView
from seedvm.foreign.text import shown
from seedvm.site.review import Review
from tui.state.estimate import forecast, way_share
from tui.state.files import ShownReceipt
from tui.text.format import MARKS, clock, duration, fit, size, text_bar
from tui.widgets.lines import Line, Rows
from tui.widgets.paint import bar

_STEP_STYLE = {"running": "busy", "done": "good", "failed": "bad", "blocked": "bad", "waiting": "dim", "todo": ""}


_RESTING = ("found", "login", "registered", "inspected", "joined", "active")
"""Phases in which a machine waits for others: how long is of no interest."""


def step_seconds(step: StepView, now: float) -> str:
    """What a step took, has taken so far of the usual, or usually takes."""
    if step.state == "running" and step.started is not None:
        return f"{duration(now - step.started)}/{duration(step.usual_seconds)}"
    if step.state == "done":
        return duration(step.seconds) if step.seconds is not None else "ok"
    return "~" + duration(step.usual_seconds) if step.usual_seconds else ""


def step_lines(state: State, now: float, width: int) -> list[Line]:
    """A line per step: mark, title, seconds."""
    lines: list[Line] = []
    for step in state.steps:
        took = step_seconds(step, now)
        style = _STEP_STYLE.get(step.state, "")
        title = fit(step.title, max(4, width - 5 - len(took)))
        lines.append([(f"[{MARKS.get(step.state, ' ')}] ", style), (title + " ", "strong" if step.state == "running" else style),
                      (took, "dim")])  # fmt: skip
    return lines or [[("no plan yet: the engine writes it when it starts", "dim")]]


def names(review: Review | None) -> dict[str, str]:
    """BMC address to the machine's name."""
    return {machine.bmc: machine.name for machine in review.machines if machine.name} if review else {}


def lanes(state: State, review: Review | None) -> list[NodeView]:
    """One lane per machine: what was said of a BMC's address is dropped once its name has been heard."""
    named = names(review)
    return [node for key, node in state.nodes.items() if named.get(key, key) == key or named[key] not in state.nodes]


def node_line(state: State, node: NodeView, name: str, now: float, width: int) -> Line:
    """One lane: name, phase, bar of the whole way, percent of the phase or seconds in it, and the detail (bytes, rate, service)."""
    style = {"failed": "bad", "unfit": "warn", "active": "good", "joined": "good"}.get(node.phase, "busy")
    head = [(fit(name, 20) + " ", ""), (fit(node.phase, 10) + " ", style)]
    if node.phase in ("failed", "unfit"):
        return [*head, (fit(node.detail, max(1, width - 32)).rstrip(), style)]
    wide = 10 if width < 90 else 20
    tail = f"{node.percent:3.0f}%" if node.percent is not None else duration(now - node.since)
    if node.phase in _RESTING:
        tail = ""
    return [
        *head,
        *bar(way_share(state, node, now), wide, style),
        (" ", ""),
        (fit(tail, 6), "strong"),
        (fit(node.detail, max(0, width - 32 - wide - 7)).rstrip(), "bad" if stalled(node.detail) else "dim"),
    ]


def sorted_lanes(state: State, review: Review | None, wanted: str = "") -> list[tuple[str, NodeView]]:
    """(name, lane) of each machine that holds the wanted text: what failed first, who rests after those at work, what is unfit last."""
    named = names(review)
    rank = {"failed": 0, "unfit": 3} | dict.fromkeys(_RESTING, 2)
    shown = [(named.get(node.node, node.node), node) for node in lanes(state, review)]
    if wanted:
        small = wanted.lower()
        shown = [one for one in shown if small in f"{one[0]} {one[1].node} {one[1].phase} {one[1].detail}".lower()]
    return sorted(shown, key=lambda one: (rank.get(one[1].phase, 1), one[0]))


def node_lines(state: State, shown: Sequence[tuple[str, NodeView]], now: float, width: int) -> Sequence[Line]:
    """A lane per machine."""
    if not shown:
        return [[("no machines known yet", "dim")]]
    return Rows(shown, lambda one: node_line(state, one[1], one[0], now, width))


def overall_line(state: State, now: float, width: int) -> Line:
    """Bar, percent, time gone, time left until the laptop may leave: for line mode, which has no frame."""
    made = forecast(state, now, working=not state.verdict)
    share = 1.0 if state.all_done else made.share if made is not None else 0.0
    gone = (state.ended or now) - state.started if state.started else None
    tail = f" {share * 100:3.0f} %  {duration(gone)} elapsed"
    if state.all_done:
        tail += ", all done"
    elif made is not None:
        tail += f", about {duration(made.left)} left ({duration(made.early)} to {duration(made.late)})"
    return [(text_bar(share, max(10, width - len(tail))), "busy"), (tail, "")]


def log_text(line: LogLine, named: Mapping[str, str]) -> str:
    """A line of log as one string."""
    who = named.get(line.node, line.node)
    return f"{clock(line.time)} {who + ': ' if who else ''}{line.message}"


def log_picks(log: Sequence[LogLine], named: Mapping[str, str], node: str, wanted: str) -> Sequence[LogLine]:
    """The lines of one machine (of all where empty) that hold the wanted text."""
    if not node and not wanted:
        return log
    small = wanted.lower()
    return [
        line
        for line in log
        if (not node or named.get(line.node, line.node) == node)
        and (not small or small in f"{named.get(line.node, line.node)}: {line.message}".lower())
    ]


def log_lines(log: Sequence[LogLine], named: Mapping[str, str], node: str, wanted: str, width: int) -> Sequence[Line]:
    """The log of one machine (all where empty), only lines that hold the wanted text; made as they are looked at."""

    def row(line: LogLine) -> Line:
        text = log_text(line, named)
        bad = line.message.startswith(("failed", "blocked", "unfit"))
        return [(text[:9], "dim"), (fit(text[9:], max(1, width - 9)).rstrip(), "bad" if bad else "")]

    return Rows(log_picks(log, named, node, wanted), row)


def failure_lines(failure: Failure, width: int) -> list[Line]:
    """What, machine, why and what to do next, wrapped to the width."""
    pairs = [("What", failure.what), ("Machine", failure.machine), ("Why", failure.why), ("Next", failure.hint)]
    lines: list[Line] = []
    for name, text in pairs:
        for number, part in enumerate(wrap(" ".join(text.split()), max(20, width - 10))[:4]):
            head = f"{name}: " if number == 0 else ""
            lines.append([(head.rjust(9), "strong"), (part, "bad" if name == "What" else "")])
    return lines


def light(state: State, receipt: ShownReceipt | None) -> tuple[bool, str]:
    """Whether the laptop may leave, and the words for it. Yes only by the receipt's own word, once the seed has left the cluster."""
    leave = state.step("leave-cluster")
    if receipt is not None and receipt.may_leave and leave is not None and leave.state != "done":
        return False, "SAFE TO LEAVE: NO, because the seed is still a member of the database cluster; it leaves next"
    if receipt is not None and receipt.may_leave:
        return True, f"SAFE TO LEAVE: YES, since {receipt.since or 'the receipt was written'}"
    if receipt is not None:
        because = receipt.because or "the receipt does not allow it"
    elif state.failure is not None and state.failure.step == "review" and state.failure.kind == "blocked":
        because = "you have not confirmed yet which disks are wiped"
    elif state.failure is not None:
        because = f"the engine stopped at step {state.failure.step}"
    elif "COMMIT" in state.phases and state.phases["COMMIT"].state == "done":
        because = "the undercloud has not yet worked without the seed"
    elif state.phases:
        because = "the hand-off is not finished"
    elif state.current is not None:
        because = f"'{state.current.title}' is not done"
    elif not state.steps:
        because = "nothing has been deployed yet"
    else:
        because = "the engine has not written the receipt yet"
    return False, f"SAFE TO LEAVE: NO, because {because}"


def still_open(state: State) -> str:
    """The stations that are not behind us, in a line; blank without a plan or once only leaving is left."""
    names = {"preflight": "preflight", "seed": "seed", "discover": "discovery", "credentials": "credentials", "register": "registration",
             "inspect": "inspection", "review": "review", "images": "images", "deploy": "deploy", "join": "join",
             "handoff": "hand-off", "leave": "receipt"}  # fmt: skip
    left = dict.fromkeys(
        "rehearsal" if step.name.endswith("rehearse") else names.get(step.stage, step.stage)
        for step in state.steps
        if step.state != "done"
    )
    return ", ".join(left)


def status_line(state: State, running: bool) -> str:
    """The current state, in one sentence."""
    if state.failure is not None and not running:
        return f"Stopped at step {state.failure.step}: {shown(state.failure.why or state.failure.what, 400)}"
    step = state.current
    if running and step is not None:
        return f"Running: {step.title}"
    if running:
        return "The engine is checking the current state"
    if state.all_done:
        return "All steps are done"
    if step is not None:
        return f"The engine stopped during: {step.title}"
    if state.steps:
        return f"Not running; {state.finished} of {len(state.steps)} steps are done"
    return "Nothing has been done yet"


def progress_text(step: StepView) -> str:
    """A step's own progress, where it tells."""
    if step.total <= 0:
        return ""
    if step.unit in ("B", "bytes"):
        return f"{size(step.done, step.unit)} of {size(step.total, step.unit)}"
    return f"{size(step.done, '')} of {size(step.total, step.unit)}"
