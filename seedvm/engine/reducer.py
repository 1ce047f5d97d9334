"""The one reading of the journal: its entries folded into a frozen State, for `seedvm status`, `report`, the screen and the line mode.

It decides nothing and refuses nothing: an event that it does not know is counted and passed over, because a newer engine may say more
than this version understands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from seedvm.base.json_tree import JSON
from seedvm.engine import events, failures
from seedvm.engine.events import Entry, brief
from seedvm.engine.journal import JOURNAL, Damaged, Tail
from seedvm.engine.stages import NODE_PHASES
from seedvm.engine.state import (
    GAPS_KEPT,
    LOG_KEPT,
    TIMES_KEPT,
    Failure,
    LogLine,
    NodeView,
    PhaseView,
    ResourceView,
    State,
    StepView,
)

_PAST = {"committed": True}
"""All the evidence there is of what lies before COMMIT once it is over."""

_FOUND_AGAIN = NODE_PHASES[: NODE_PHASES.index("inspecting")]
"""What each start of the engine finds out again of a machine; it takes nothing away from one that is inspected."""


def fold(state: State, entries: Iterable[Entry], damaged: Iterable[Damaged] = ()) -> State:
    """State after these entries, in order; the State given is left as it was."""
    draft = _Draft(state)
    for entry in entries:
        draft.take(entry)
    for line in damaged:
        draft.say(draft.last, str(line), "")
        draft.damaged.append(str(line))
    return draft.freeze()


def read_state(state_dir: Path) -> State:
    """The State by the whole journal of a state folder; that of nothing where there is none."""
    batch = Tail(state_dir / JOURNAL).read()
    return fold(State(), batch.entries, batch.damaged)


class _Draft:
    """A State taken apart, so that a batch of entries costs one copy and not one per entry."""

    def __init__(self, state: State) -> None:
        self.steps = {step.name: step for step in state.steps}
        self.nodes = dict(state.nodes)
        self.failures = state.failures
        self.log = deque(state.log, maxlen=LOG_KEPT)
        self.facts = dict(state.facts)
        self.phases = dict(state.phases)
        self.gaps = deque(state.gaps, maxlen=GAPS_KEPT)
        self.resources = dict(state.resources)
        self.stage_seconds = dict(state.stage_seconds)
        self.step_seconds, self.phase_seconds = dict(state.step_seconds), dict(state.phase_seconds)
        self.unknown = dict(state.unknown)
        self.damaged = list(state.damaged)
        self.site, self.run, self.verdict, self.failure = state.site, state.run, state.verdict, state.failure
        self.started, self.ended, self.confirmed = state.started, state.ended, state.confirmed
        self.last, self.last_run, self.last_step = state.last, state.last_run, state.last_step
        self.events, self.logged = state.events, state.logged
        self.seconds, self.completed = state.seconds, state.completed

    def freeze(self) -> State:
        return State(
            site=self.site, run=self.run, steps=tuple(self.steps.values()), nodes=MappingProxyType(self.nodes),
            failures=self.failures, log=tuple(self.log), facts=MappingProxyType(self.facts),
            phases=MappingProxyType(self.phases), gaps=tuple(self.gaps),
            resources=MappingProxyType(self.resources), failure=self.failure, verdict=self.verdict,
            confirmed=self.confirmed, started=self.started, ended=self.ended, last=self.last,
            last_run=self.last_run, last_step=self.last_step,
            events=self.events, logged=self.logged, seconds=self.seconds, completed=self.completed,
            stage_seconds=MappingProxyType(self.stage_seconds), step_seconds=MappingProxyType(self.step_seconds),
            phase_seconds=MappingProxyType(self.phase_seconds), unknown=MappingProxyType(self.unknown),
            damaged=tuple(self.damaged),
        )  # fmt: skip

    def take(self, entry: Entry) -> None:
        now, step = entry.time.timestamp(), entry.step or ""
        if not self.completed and entry.run == self.last_run:
            self._count(now - self.last, step or self.last_step)
        self.last, self.last_run, self.last_step = now, entry.run, step
        self.events += 1
        match entry.event:
            case events.NodeReached():
                self._node(entry.event, step, now)
            case events.Log(message, node):
                self.failures = failures.ordered(self.failures, node, message)
                self.say(now, message, step, node)
            case events.Progress(done, total, unit):
                self.steps[step] = replace(self._step(step), done=done, total=total, unit=unit)
            case events.Fact(name, value):
                self._fact(name, value, now)
            case events.ResourceStatus():
                self._resource(entry.event, step, now)
            case events.PhaseReached():
                self._phase(entry.event, step, now)
            case events.Confirmed(wipe):
                self.confirmed = now
                self.say(now, f"confirmed: the disks of {len(wipe)} machines may be wiped", step)
            case events.RunStarted():
                self.site, self.run = entry.site, entry.run
                self._run_started(entry.event, now)
            case events.RunEnded(verdict):
                self._run_ended(verdict or "ended", now)
            case events.Unknown(kind):
                self.unknown[kind] = self.unknown.get(kind, 0) + 1
            case _:
                self._of_step(entry.event, step, now)

    def say(self, now: float, message: str, step: str, node: str = "") -> None:
        self.logged += 1
        self.log.append(LogLine(now, message, node, step))

    def _count(self, seconds: float, step: str) -> None:
        # Time between two events of one run belongs to the step that the later one tells of; time between runs to nobody.
        self.seconds += seconds
        known = self.steps.get(step)
        if known is not None and known.stage:
            self.stage_seconds[known.stage] = self.stage_seconds.get(known.stage, 0.0) + seconds

    def _step(self, name: str) -> StepView:
        return self.steps.get(name) or StepView(name, name, "", 0.0)

    def _run_started(self, event: events.RunStarted, now: float) -> None:
        steps = {}
        for planned in event.steps:
            fresh = StepView(planned.name, planned.title or planned.name, planned.stage, planned.usual_seconds)
            old = self.steps.get(fresh.name)
            done = old is not None and old.state == "done"
            steps[fresh.name] = (
                replace(fresh, state="done", seconds=old.seconds, summary=old.summary) if old and done else fresh
            )
            if not self.completed and fresh.stage:
                self.stage_seconds.setdefault(fresh.stage, 0.0)
        self.steps = steps
        self.failure, self.verdict, self.ended, self.started = None, "", None, self.started or now
        self.say(now, "engine started", "")

    def _run_ended(self, verdict: str, now: float) -> None:
        self.verdict, self.ended = verdict, now
        self.completed = self.completed or verdict == "done"
        for name, step in self.steps.items():
            if step.state == "running":
                self.steps[name] = replace(step, state="todo")
        self.say(now, f"engine ended: {verdict}", "")

    def _of_step(self, event: events.Event, name: str, now: float) -> None:
        step = self._step(name)
        match event:
            case events.StepChecked("done", evidence):
                # What was seen when it could be seen is more than that it is over.
                summary = step.summary or brief(evidence) if evidence == _PAST else brief(evidence)
                step = replace(step, state="done", why="", hint="", summary=summary)
            case events.StepChecked("blocked", _, why, hint):
                step = replace(step, state="blocked", why=why, hint=hint)
                self.failure = Failure(name, "blocked", f"{step.title}: blocked", why=why, hint=hint)
                self.say(now, f"blocked: {why}", name)
            case events.StepChecked(_, _, why, hint):
                step = replace(step, state="todo", why=why, hint=hint)
            case events.StepStarted():
                step = replace(step, state="running", started=now, done=0.0, total=0.0, unit="", seconds=None)
                self.failure = None
            case events.StepDone(seconds):
                step = replace(step, state="done", seconds=seconds, why="", hint="")
                if seconds is not None:
                    self.step_seconds[name] = seconds
                took = f" in {seconds:.0f} s" if seconds is not None else ""
                self.say(now, f"done: {step.title}{took}", name)
            case events.StepFailed(what, machine, why, hint):
                step = replace(step, state="failed", why=why or what, hint=hint)
                self.failure = Failure(name, "failed", what, machine, why, hint)
                self.say(now, f"failed: {what}" + (f": {why}" if why else ""), name, machine)
        self.steps[name] = step

    def _node(self, event: events.NodeReached, step: str, now: float) -> None:
        old = self.nodes.get(event.node)
        if old is not None and old.phase == "inspected" and event.phase in _FOUND_AGAIN:
            return
        self.failures = failures.reached(self.failures, event, step, now)
        if old is not None and old.phase == event.phase:
            since, before = old.since, old.before
        else:
            since, before = now, old.phase if old is not None else ""
            if old is not None:
                self._measure(old, event.phase, now)
            self.say(now, f"{event.phase} {event.detail}".strip(), step, event.node)
        self.nodes[event.node] = NodeView(event.node, event.phase, event.percent, event.detail, since, before)

    def _measure(self, old: NodeView, phase: str, now: float) -> None:
        """What a machine spent in a phase, once it goes on: one that failed or began again says nothing of it."""
        if (
            old.phase in NODE_PHASES
            and phase in NODE_PHASES
            and NODE_PHASES.index(phase) > NODE_PHASES.index(old.phase)
        ):
            took = (*self.phase_seconds.get(old.phase, ()), now - old.since)
            self.phase_seconds[old.phase] = took[-TIMES_KEPT:]

    def _fact(self, name: str, value: JSON, now: float) -> None:
        self.facts[name] = value
        if name == "api_gap_now_seconds" and isinstance(value, int | float):
            self.gaps.append((now, float(value)))

    def _resource(self, event: events.ResourceStatus, step: str, now: float) -> None:
        path, status, reason = event.resource, event.status, event.reason
        self.resources[path] = ResourceView(path, event.kind, status, reason, now)
        node = path.split("/")[0] if "/" in path or path in self.nodes else ""
        what = path.rpartition("/")[2] if "/" in path else "stack" if node else path
        self.say(now, f"{what} {status.lower().replace('_', ' ')}" + (f": {reason}" if reason else ""), step, node)

    def _phase(self, event: events.PhaseReached, step: str, now: float) -> None:
        name = event.phase.upper()
        old = self.phases.get(name)
        since = old.since if old and old.state == event.state else now
        again = old is None or (event.state == "started" and old.state in ("undone", "failed"))
        began = now if again or old is None else old.began
        self.phases[name] = PhaseView(name, event.state, now, event.detail, since, began)
        self.say(now, f"{name} {event.state} {event.detail}".rstrip(), step)
