"""How events, verdicts and a site's state read in one line of a terminal. Nothing in here prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.cli.changes import Changes
from seedvm.engine import events
from seedvm.engine.events import Entry, brief
from seedvm.engine.state import State, StepView
from seedvm.engine.step import Blocked, Done, Step, Todo, Verdict


class EventLines:
    """Events as they read in a terminal. It learns the steps from `run-started`, so that each line says how far the deployment is."""

    def __init__(self) -> None:
        self._names: Sequence[str] = ()
        self._changes = Changes()

    def line(self, entry: Entry) -> str | None:
        """The line of an event, or None for what a person need not see, or has seen already."""
        if isinstance(entry.event, events.RunStarted):
            self._names = [step.name for step in entry.event.steps]
        text = _event_text(entry) if self._changes.is_news(entry) else None
        if text is None:
            return None
        known = entry.step in self._names
        place = f"[{self._names.index(entry.step or '') + 1}/{len(self._names)}] " if known else ""
        more = f" ({brief(entry.more)})" if entry.more else ""
        return f"{entry.time:%H:%M:%S} {place}{text}{more}"


def _event_text(entry: Entry) -> str | None:
    match entry.event:
        case events.RunStarted(pid, steps):
            return f"run {entry.run}: {len(steps)} steps, engine PID {pid}"
        case events.RunEnded(verdict):
            return f"run {entry.run}: {verdict}"
        case events.StepStarted():
            return None
        case events.ResourceStatus():
            return None
        case events.Confirmed():
            return None
    return f"{entry.step}: {_step_text(entry.event)}".rstrip()


def _step_text(event: events.Event) -> str:
    match event:
        case events.StepChecked("done", evidence):
            return f"done ({brief(evidence)})"
        case events.StepChecked(verdict, _, why, _):
            return f"{verdict}: {why}"
        case events.StepDone(seconds):
            return "done" if seconds is None else f"took {seconds:.1f} s"
        case events.StepFailed(what):
            return f"FAILED: {what}"
        case events.Log(message, node):
            return f"{_of_node(node)}{message}"
        case events.Progress(done, total, unit):
            return _share(done, total, unit)
        case events.NodeReached(node, phase, detail, percent):
            return f"{_of_node(node)}{phase}{'' if percent is None else f' {percent:.0f} %'} {detail}"
        case events.PhaseReached(phase, state, detail):
            return f"{phase} {state} {detail}"
        case events.Fact(name, value):
            return f"{name} = {value}"
        case events.Unknown(kind, keys):
            return f"{kind} ({brief(keys)})"
    return ""


def _share(done: float, total: float, unit: str) -> str:
    if unit == "bytes":
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    return f"{round(done, 1):g} of {total:g} {unit}".rstrip()


def _of_node(node: str) -> str:
    return f"{node}: " if node else ""


def verdict_line(number: int, count: int, step: Step, verdict: Verdict | SeedvmError) -> str:
    name, shown, hint = _read(verdict)
    return f"[{number}/{count}] {step.stage:<11} {step.title:<56} {name:<8} {shown}{f' ({hint})' if hint else ''}"


def _read(verdict: Verdict | SeedvmError) -> tuple[str, str, str]:
    match verdict:
        case Done(evidence):
            return "done", brief(evidence), ""
        case Todo(why):
            return "todo", why, ""
        case Blocked(why, hint):
            return "blocked", why, hint
        case SeedvmError():
            return "unknown", f"{verdict.what}: {verdict.why}", verdict.hint


def verdict_tree(step: Step, verdict: Verdict | SeedvmError) -> dict[str, JSON]:
    """A checked step for programs; `stretch` is the old name of `stage`."""
    head: dict[str, JSON] = {"name": step.name, "title": step.title, "stage": step.stage, "stretch": step.stage}
    name, why, hint = _read(verdict)
    if isinstance(verdict, Done):
        return {**head, "verdict": name, "evidence": dict(verdict.evidence)}
    if isinstance(verdict, Todo):
        return {**head, "verdict": name, "why": why}
    return {**head, "verdict": name, "why": why, "hint": hint}


def status_lines(state: State, engine_pid: int | None) -> Iterator[str]:
    engine = f", engine PID {engine_pid}" if engine_pid is not None else ""
    yield f"site {state.site}: {state.outcome(engine_pid is not None)} (run {state.run}{engine})"
    for step in state.steps:
        yield f"  {step.stage:<11} {step.title:<56} {_state_word(step):<8} {_told(state, step)}".rstrip()
    for node in state.nodes.values():
        yield f"  node {node.node}: {node.phase} {node.detail}".rstrip()
    for kind, count in state.unknown.items():
        yield f"  note: this version does not know events of kind {kind}; the journal contains {count}"
    for damaged in state.damaged:
        yield f"  note: {damaged}"


def status_tree(state: State, engine_pid: int | None) -> dict[str, JSON]:
    """The State for programs; `stretch` is the old name of `stage`."""
    steps: list[JSON] = [
        {
            "name": step.name,
            "title": step.title,
            "stage": step.stage,
            "stretch": step.stage,
            "state": _state_word(step),
            "told": _told(state, step),
        }
        for step in state.steps
    ]
    return {
        "site": state.site,
        "run": state.run,
        "verdict": state.outcome(engine_pid is not None),
        "engine_pid": engine_pid,
        "steps": steps,
        "nodes": {node.node: f"{node.phase} {node.detail}".rstrip() for node in state.nodes.values()},
        "unknown": dict(state.unknown),
        "damaged": list(state.damaged),
    }


def _state_word(step: StepView) -> str:
    return "working" if step.state == "running" else step.state


def _told(state: State, step: StepView) -> str:
    if step.state == "done":
        return step.summary
    failure = state.failure
    if failure is not None and failure.kind == "failed" and failure.step == step.name:
        return f"{failure.what}: {failure.why}"
    return step.why
