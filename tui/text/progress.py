"""What there is to read about a State, as lines of styled spans: the same words for the screen and for line mode.

Pure: no widget, no file. It refuses to sound surer than the receipt: `light` never says YES without one that says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from textwrap import wrap

from seedvm.base.rows import Line, Rows
from seedvm.engine.state import Failure, LogLine, MachineFailure, NodeView, State, StepView
from seedvm.foreign.text import shown
from seedvm.site.review import Review
from tui.state.acknowledged import key_of
from tui.state.estimate import forecast
from tui.state.failures import cause_of, told
from tui.state.files import ShownReceipt
from tui.state.machines import names
from tui.text.format import MARKS, clock, duration, fit, middle, size, text_bar
from tui.text.sentences import Story, Told

_STEP_STYLE = {"running": "busy", "done": "good", "failed": "bad", "blocked": "bad", "waiting": "dim", "todo": ""}


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


def lanes(state: State, review: Review | None) -> list[NodeView]:
    """One lane per machine: what was said of a BMC's address is dropped once its name has been heard."""
    named = names(review)
    return [node for key, node in state.nodes.items() if named.get(key, key) == key or named[key] not in state.nodes]


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


def told_picks(told: Sequence[Told], named: Mapping[str, str], node: str, wanted: str) -> Sequence[Told]:
    """The sentences of one machine (of all where empty) that hold the wanted text."""
    if not node and not wanted:
        return told
    small = wanted.lower()
    return [
        one
        for one in told
        if (not node or named.get(one.line.node, one.line.node) == node)
        and (not small or small in f"{named.get(one.line.node, one.line.node)}: {one.text} {one.line.message}".lower())
    ]


def told_lines(told: Sequence[Told], named: Mapping[str, str], node: str, wanted: str, width: int) -> Sequence[Line]:
    """The log of one machine (all where empty) in sentences, only those that hold the wanted text; made as they are looked at."""
    wide = 15 if width < 110 else 19

    def row(one: Told) -> Line:
        who = named.get(one.line.node, one.line.node)
        times = f"  (x{one.times} until {clock(one.until)})" if one.times > 1 else ""
        head = fit(who[who.find("undercloud-") :] if "-undercloud-" in who else who, wide) + " " if not node else ""
        text = middle(one.text, max(8, width - 9 - len(head) - len(times)))
        style = "bad" if one.is_bad and not one.line.message.startswith("unfit") else "warn" if one.is_bad else ""
        return [(f"{clock(one.line.time)} ", "dim"), (head, "accent"), (text, style), (times, "dim")]

    return Rows(told_picks(told, named, node, wanted), row)


def log_lines(log: Sequence[LogLine], named: Mapping[str, str], node: str, wanted: str, width: int) -> Sequence[Line]:
    """`told_lines` of lines that are few enough to be read anew."""
    return told_lines(Story().read(log, len(log)), named, node, wanted, width)


def failure_lines(failure: Failure, width: int) -> list[Line]:
    """What, machine, why and what to do next, wrapped to the width."""
    pairs = [("What", failure.what), ("Machine", failure.machine), ("Why", failure.why), ("Next", failure.hint)]
    lines: list[Line] = []
    for name, text in pairs:
        for number, part in enumerate(wrap(" ".join(text.split()), max(20, width - 10))[:4]):
            head = f"{name}: " if number == 0 else ""
            lines.append([(head.rjust(9), "strong"), (part, "bad" if name == "What" else "")])
    return lines


def past_lines(failures: Sequence[MachineFailure], read: Collection[tuple[str, str]], width: int) -> list[Line]:
    """Failures of a machine that is not failed now: when, why, and what came of each; with the key for those that were not read."""
    lines: list[Line] = []
    for one in failures:
        key = "" if key_of(one) in read else "; k acknowledges"
        text = f"It failed at {clock(one.time)}, {told(one)}{key}: {cause_of(one)}"
        lines += [[(part, "dim" if not key else "warn")] for part in wrap(text, max(20, width))]
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
