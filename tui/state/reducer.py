"""A pure fold of the journal's events into one frozen State.

Opens no file, starts no process, knows no widget. It refuses nothing: an event it does not know is counted and passed over, because
a newer engine may say more than this screen understands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from seedvm.engine.journal import Event
from tui.state.model import LOG_KEPT, Failure, LogLine, NodeView, PhaseView, ResourceView, State, StepView


class _Draft:
    """A State taken apart, so that a batch of events costs one copy and not one per event."""

    def __init__(self, state: State) -> None:
        self.base = state
        self.steps = {step.name: step for step in state.steps}
        self.nodes = dict(state.nodes)
        self.log = deque(state.log, maxlen=LOG_KEPT)
        self.facts = dict(state.facts)
        self.phases = dict(state.phases)
        self.resources = dict(state.resources)
        self.set: dict[str, Any] = {}
        self.last = state.last
        self.events = state.events
        self.unknown = state.unknown
        self.logged = state.logged

    def freeze(self) -> State:
        return replace(
            self.base, steps=tuple(self.steps.values()), nodes=MappingProxyType(self.nodes), log=tuple(self.log),
            facts=MappingProxyType(self.facts), phases=MappingProxyType(self.phases),
            resources=MappingProxyType(self.resources), last=self.last,
            events=self.events, unknown=self.unknown, logged=self.logged, **self.set,
        )  # fmt: skip

    def change(self, name: str, **values: Any) -> None:
        step = self.steps.get(name) or StepView(name, name, "", 0.0)
        self.steps[name] = replace(step, **values)

    def say(self, now: float, message: str, step: str, node: str = "") -> None:
        self.logged += 1
        self.log.append(LogLine(now, message, node, step))


def _string(value: Any) -> str:
    return "" if value is None else str(value)


def _text(event: Event, key: str) -> str:
    value = event.fields.get(key)
    return value if type(value) is str else _string(value)


def _figure(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _number(event: Event, key: str) -> float | None:
    return _figure(event.get(key))


def _brief(evidence: Any) -> str:
    # Figures and words of the evidence; trees in it are left to the report.
    if not isinstance(evidence, Mapping):
        return ""
    return ", ".join(
        _said(str(name).replace("_", " "), value)
        for name, value in evidence.items()
        if isinstance(value, (str, int, float))
    )


def _said(name: str, value: str | float) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return f"{name} {value}"


def _plan(event: Event) -> list[StepView]:
    planned = [item for item in event.get("steps") or () if isinstance(item, Mapping) and item.get("name")]
    return [
        StepView(str(item["name"]), _string(item.get("title")) or str(item["name"]), _string(item.get("stage") or item.get("stretch")),
                 _figure(item.get("usual_seconds")) or 0.0)
        for item in planned
    ]  # fmt: skip


def _run_started(draft: _Draft, event: Event, now: float) -> None:
    steps = {}
    for fresh in _plan(event):
        old = draft.steps.get(fresh.name)
        steps[fresh.name] = (
            replace(fresh, state="done", seconds=old.seconds, told=old.told) if old and old.state == "done" else fresh
        )
    draft.steps = steps
    first = draft.base.started or draft.set.get("started") or now
    draft.set.update(site=event.site, run=event.run, failure=None, verdict="", ended=None, started=first)
    draft.say(now, "engine started", "")


def _run_ended(draft: _Draft, event: Event, now: float) -> None:
    verdict = _text(event, "verdict") or "ended"
    draft.set.update(verdict=verdict, ended=now)
    for name, step in draft.steps.items():
        if step.state == "running":
            draft.change(name, state="todo")
    draft.say(now, f"engine ended: {verdict}", "")


_PAST = "committed"
"""All that is said of what lies before COMMIT once it is over."""


def _step_checked(draft: _Draft, event: Event, now: float) -> None:
    name, verdict = _string(event.step), _text(event, "verdict")
    why, hint = _text(event, "why"), _text(event, "hint")
    if verdict == "done":
        told, old = _brief(event.get("evidence")), draft.steps.get(name)
        if told == _PAST and old is not None:
            told = old.told or told  # what was seen when it could be seen is more
        draft.change(name, state="done", why="", hint="", told=told)
    elif verdict == "blocked":
        draft.change(name, state="blocked", why=why, hint=hint)
        title = draft.steps[name].title
        draft.set["failure"] = Failure(name, "blocked", f"{title}: cannot go on", why=why, hint=hint)
        draft.say(now, f"blocked: {why}", name)
    else:
        draft.change(name, state="todo", why=why, hint=hint)


def _step_started(draft: _Draft, event: Event, now: float) -> None:
    draft.change(_string(event.step), state="running", started=now, done=0.0, total=0.0, unit="", seconds=None)
    draft.set["failure"] = None


def _step_done(draft: _Draft, event: Event, now: float) -> None:
    name, seconds = _string(event.step), _number(event, "seconds")
    draft.change(name, state="done", seconds=seconds, why="", hint="")
    took = f" in {seconds:.0f} s" if seconds is not None else ""
    draft.say(now, f"done: {draft.steps[name].title}{took}", name)


def _step_failed(draft: _Draft, event: Event, now: float) -> None:
    name = _string(event.step)
    what, machine, why, hint = (_text(event, key) for key in ("what", "machine", "why", "hint"))
    draft.change(name, state="failed", why=why or what, hint=hint)
    draft.set["failure"] = Failure(name, "failed", what, machine, why, hint)
    draft.say(now, f"failed: {what}" + (f": {why}" if why else ""), name, machine)


def _log(draft: _Draft, event: Event, now: float) -> None:
    draft.say(now, _text(event, "message"), _string(event.step), _text(event, "node"))


def _progress(draft: _Draft, event: Event, now: float) -> None:
    draft.change(_string(event.step), done=_number(event, "done") or 0.0, total=_number(event, "total") or 0.0,
                 unit=_text(event, "unit"))  # fmt: skip


def _node(draft: _Draft, event: Event, now: float) -> None:
    name, phase, detail = _text(event, "node"), _text(event, "phase"), _text(event, "detail")
    old = draft.nodes.get(name)
    if old is not None and old.phase == phase:
        since, before = old.since, old.before
    else:
        since, before = now, old.phase if old is not None else ""
        draft.say(now, f"{phase} {detail}".strip(), _string(event.step), name)
    draft.nodes[name] = NodeView(name, phase, _number(event, "percent"), detail, since, before)


def _fact(draft: _Draft, event: Event, now: float) -> None:
    draft.facts[_text(event, "name")] = event.get("value")


def _confirmed(draft: _Draft, event: Event, now: float) -> None:
    draft.set["confirmed"] = now
    draft.say(now, f"confirmed: {len(event.get('wipe') or ())} machines may be wiped", _string(event.step))


def _resource(draft: _Draft, event: Event, now: float) -> None:
    path, status, reason = _text(event, "resource"), _text(event, "status"), _text(event, "reason")
    draft.resources[path] = ResourceView(path, _text(event, "kind"), status, reason, now)
    node = path.split("/")[0] if "/" in path or path in draft.nodes else ""
    what = path.rpartition("/")[2] if "/" in path else "stack" if node else path
    told = f"{what} {status.lower().replace('_', ' ')}" + (f": {reason}" if reason else "")
    draft.say(now, told, _string(event.step), node)


def _phase(draft: _Draft, event: Event, now: float) -> None:
    name, phase = _text(event, "phase").upper(), _text(event, "state")
    detail = _text(event, "detail") or _text(event, "why")
    old = draft.phases.get(name)
    since = old.since if old and old.state == phase else now
    draft.phases[name] = PhaseView(name, phase, now, detail, since)
    draft.say(now, f"{name} {phase} {detail}".rstrip(), _string(event.step))


_HANDLERS = {
    "run-started": _run_started, "run-ended": _run_ended, "step-checked": _step_checked,
    "step-started": _step_started, "step-done": _step_done, "step-failed": _step_failed, "log": _log,
    "progress": _progress, "node": _node, "fact": _fact, "confirmed": _confirmed, "phase": _phase, "resource": _resource,
}  # fmt: skip


def fold(state: State, events: Iterable[Event]) -> State:
    """State after these events, in order; the State given is left as it was."""
    draft = _Draft(state)
    for event in events:
        draft.events += 1
        draft.last = event.time.timestamp()
        handler = _HANDLERS.get(event.event)
        if handler is None:
            draft.unknown += 1
        else:
            handler(draft, event, draft.last)
    return draft.freeze()
