"""How events, verdicts and a site's state read in one line of a terminal. Nothing in here prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.engine.journal import Event
from seedvm.engine.status import Status, brief
from seedvm.engine.step import Blocked, Done, Step, Todo, Verdict


class EventLines:
    """Events as they read in a terminal. It learns the steps from `run-started`, so that each line says how far the road is."""

    def __init__(self) -> None:
        self._names: Sequence[str] = ()

    def line(self, event: Event) -> str | None:
        """The line of an event, or None for what a person need not see."""
        if event.event == "run-started":
            self._names = [str(step["name"]) for step in event.get("steps", [])]
        text = _event_text(event)
        if text is None:
            return None
        known = event.step in self._names
        place = f"[{self._names.index(event.step or '') + 1}/{len(self._names)}] " if known else ""
        return f"{event.time:%H:%M:%S} {place}{text}"


def _event_text(event: Event) -> str | None:
    match event.event:
        case "step-checked" if event.get("verdict") == "done":
            return f"{event.step}: done ({brief(event.get('evidence'))})"
        case "step-checked":
            return f"{event.step}: {event.get('verdict')}: {event.get('why')}"
        case "step-done":
            return f"{event.step}: took {event.get('seconds'):.1f} s"
        case "step-failed":
            return f"{event.step}: FAILED: {event.get('what')}"
        case "log":
            return f"{event.step}: {_of_node(event)}{event.get('message')}"
        case "progress":
            return f"{event.step}: {_share(event.get('done'), event.get('total'), event.get('unit'))}"
        case "node":
            percent = "" if event.get("percent") is None else f" {event.get('percent'):.0f} %"
            return f"{event.step}: {_of_node(event)}{event.get('phase')}{percent} {event.get('detail') or ''}".rstrip()
        case "phase":
            return f"{event.step}: {event.get('phase')} {event.get('state')} {event.get('detail') or ''}".rstrip()
        case "fact":
            return f"{event.step}: {event.get('name')} = {event.get('value')}"
        case "run-started":
            return f"run {event.run}: {len(event.get('steps', []))} steps, engine PID {event.get('pid')}"
        case "run-ended":
            return f"run {event.run}: {event.get('verdict')}"
    return None


def _share(done: float, total: float, unit: str) -> str:
    if unit == "bytes":
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    return f"{done:g} of {total:g} {unit}".rstrip()


def _of_node(event: Event) -> str:
    return f"{event.get('node')}: " if event.get("node") else ""


def verdict_line(number: int, count: int, step: Step, verdict: Verdict | SeedvmError) -> str:
    tree = verdict_tree(step, verdict)
    told = brief(tree["evidence"]) if tree["verdict"] == "done" else tree["why"]
    hint = f" ({tree['hint']})" if tree.get("hint") else ""
    return f"[{number}/{count}] {step.stage:<11} {step.title:<56} {tree['verdict']:<8} {told}{hint}"


def verdict_tree(step: Step, verdict: Verdict | SeedvmError) -> dict[str, Any]:
    """A checked step for programs."""
    head: dict[str, Any] = {"name": step.name, "title": step.title, "stage": step.stage, "stretch": step.stage}
    match verdict:
        case Done(evidence):
            return {**head, "verdict": "done", "evidence": dict(evidence)}
        case Todo(why):
            return {**head, "verdict": "todo", "why": why}
        case Blocked(why, hint):
            return {**head, "verdict": "blocked", "why": why, "hint": hint}
        case SeedvmError():
            return {**head, "verdict": "unknown", "why": f"{verdict.what}: {verdict.why}", "hint": verdict.hint}


def status_lines(status: Status) -> Iterator[str]:
    engine = f", engine PID {status.engine_pid}" if status.engine_pid is not None else ""
    yield f"site {status.site}: {status.verdict} (run {status.run}{engine})"
    for step in status.steps:
        yield f"  {step.stage:<11} {step.title:<56} {step.state:<8} {step.told}".rstrip()
    for node, phase in status.nodes.items():
        yield f"  node {node}: {phase}"
