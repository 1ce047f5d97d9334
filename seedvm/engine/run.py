"""The engine: check, apply, check, in the order of the plan. It may be killed at any line and run again.

It decides by what the real system says and never by the journal. A failure by a cause that may pass is no end of the run: it starts from
the first check again after a pause, for as long as its caller is patient. It refuses a second engine on the same state folder, and to call
a step done whose check does not say so after `apply`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from seedvm.base import trace
from seedvm.base.endings import ENDINGS
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.waiting import may_pass, noticed_by
from seedvm.engine import events
from seedvm.engine.events import Event, PlannedStep
from seedvm.engine.journal import Journal
from seedvm.engine.stages import HandoffPhase, NodePhase, PhaseState
from seedvm.engine.step import Blocked, Done, Report, Step, Todo, Verdict

_LEAST_SECONDS_BETWEEN_PROGRESS = 0.5
_PAUSE_SECONDS = 15.0

Tidy: TypeAlias = Callable[[Report], Awaitable[None]]
Ending: TypeAlias = Literal["done", "failed", "blocked", "stopped"]


@dataclass(frozen=True)
class Ended:
    """How a run ended; `step` is the one it ended at, `error` what is to be said of it."""

    verdict: Ending
    step: str | None = None
    error: SeedvmError | None = None


@dataclass(frozen=True)
class Checked:
    """One step's check; `verdict` is an error where it cannot be told yet."""

    step: Step
    verdict: Verdict | SeedvmError


async def survey(steps: Sequence[Step]) -> AsyncIterator[Checked]:
    """`plan`: every check in order, nothing applied. A check that fails is told and does not end the survey."""
    for step in steps:
        try:
            yield Checked(step, await step.check())
        except ENDINGS:
            raise
        except BaseException as error:
            trace.error(error, step.name)
            yield Checked(step, _explained(step, error))


async def run(
    steps: Sequence[Step],
    journal: Journal,
    *,
    until: str | None = None,
    patience: float = 0.0,
    pause: float = _PAUSE_SECONDS,
    tidy: Tidy | None = None,
) -> Ended:
    """Bring about every step in order; hold `engine_lock` around it. Cancelling the task ends it as `stopped`, journalled.

    `until` is a step's name: the run ends as `stopped` before it. A step that fails by a cause that may pass is tried again every `pause`
    seconds, from the first check on, for `patience` seconds. `tidy` takes back what may not be left half done between two steps: it is
    called before the first one, as an engine that was killed could not do so itself, and whenever the steps are left off before their
    end, for good or for a pause.
    """
    described = tuple(PlannedStep(step.name, step.title, step.stage, step.usual_seconds) for step in steps)
    journal.append(events.RunStarted(os.getpid(), described))
    try:
        await _tidied(journal, tidy)
        ended = await _walk(steps, journal, _Patience(patience, pause), until, tidy)
    except asyncio.CancelledError:
        ended = Ended("stopped")
    if ended.verdict != "done":
        await _tidied(journal, tidy)
    journal.append(events.RunEnded(ended.verdict))
    return ended


async def _tidied(journal: Journal, tidy: Tidy | None) -> None:
    """What cannot be taken back is told; it does not keep the steps from saying what is wrong."""
    if tidy is None:
        return
    try:
        await tidy(JournalReport(journal, None))
    except (SeedvmError, OSError) as error:
        trace.error(error, "tidy")
        journal.append(events.Log(f"not everything of the last step could be undone: {error}"))


def new_run_id() -> str:
    return secrets.token_hex(4)


@dataclass
class _Patience:
    """How long one step's failures are waited out: `seconds` from the first of them, `pause` between two attempts."""

    seconds: float
    pause: float
    _step: str = ""
    _since: float = 0.0

    def allows(self, step: Step, error: BaseException) -> bool:
        """Whether this failure is waited out. The time counts anew for another step."""
        if step.name != self._step:
            self._step, self._since = step.name, time.monotonic()
        return may_pass(error) and time.monotonic() - self._since + self.pause <= self.seconds


async def _walk(
    steps: Sequence[Step], journal: Journal, patience: _Patience, until: str | None, tidy: Tidy | None
) -> Ended:
    while True:
        ended = await _once(steps, journal, patience, until)
        if ended is not None:
            return ended
        await _tidied(journal, tidy)
        await asyncio.sleep(patience.pause)


async def _once(steps: Sequence[Step], journal: Journal, patience: _Patience, until: str | None) -> Ended | None:
    """Every step in order; None where one failed by a cause that is waited out."""
    for step in steps:
        if step.name == until:
            return Ended("stopped", step.name)
        try:
            with noticed_by(JournalReport(journal, step.name).log):
                verdict = await _bring_about(step, journal)
        except ENDINGS:
            raise
        except BaseException as error:
            trace.error(error, step.name)
            failure = _explained(step, error)
            if patience.allows(step, error):
                message = f"{failure}; the cause may pass: trying again in {patience.pause:.0f} s"
                journal.append(events.Log(message, failure.machine or ""), step=step.name)
                return None
            failed = events.StepFailed(failure.what, failure.machine or "", failure.why, failure.hint)
            journal.append(failed, step=step.name)
            return Ended("failed", step.name, failure)
        if isinstance(verdict, Blocked):
            failure = SeedvmError(f"{step.title}: blocked", why=verdict.why, hint=verdict.hint)
            return Ended("blocked", step.name, failure)
    return Ended("done")


async def _bring_about(step: Step, journal: Journal) -> Done | Blocked:
    started = time.monotonic()
    verdict = await _check(step, journal)
    if not isinstance(verdict, Todo):
        return verdict
    journal.append(events.StepStarted(verdict.why), step=step.name)
    await step.apply(JournalReport(journal, step.name))
    verdict = await _check(step, journal)
    if isinstance(verdict, Todo):
        raise SeedvmError(
            f"{step.title}: ran, but its check still fails",
            why=verdict.why,
            hint="run seedvm run again; if it fails here again, see seedvm status and journal.jsonl",
        )
    if isinstance(verdict, Done):
        seconds = round(time.monotonic() - started, 3)
        journal.append(events.StepDone(seconds, verdict.evidence), step=step.name)
    return verdict


async def _check(step: Step, journal: Journal) -> Verdict:
    verdict = await step.check()
    match verdict:
        case Done(evidence):
            checked = events.StepChecked("done", evidence)
        case Todo(why):
            checked = events.StepChecked("todo", why=why)
        case Blocked(why, hint):
            checked = events.StepChecked("blocked", why=why, hint=hint)
    journal.append(checked, step=step.name)
    return verdict


def _explained(step: Step, error: BaseException) -> SeedvmError:
    """Any failure as one that an operator can read. A group of failures is told by its first one, the others counted."""
    if isinstance(error, SeedvmError):
        return error
    if isinstance(error, BaseExceptionGroup):
        first = _explained(step, error.exceptions[0])
        others = len(error.exceptions) - 1
        why = f"{first.why} (and {others} more failed)" if others else first.why
        return SeedvmError(first.what, machine=first.machine, why=why, hint=first.hint)
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return SeedvmError(
        f"{step.title}: failed unexpectedly",
        why=f"{type(error).__name__}: {error} [{place}]",
        hint="run seedvm run again; please report this with the journal and the trace of: seedvm --trace run",
    )


class JournalReport:
    """A step's Report into the journal. Progress is thinned to two lines a second per node; a change of phase always passes."""

    def __init__(self, journal: Journal, step: str | None) -> None:
        self._journal = journal
        self._step = step
        self._lock = threading.Lock()
        self._last: dict[str | None, tuple[float, str]] = {}

    def log(self, message: str, *, node: str | None = None) -> None:
        self._append(events.Log(message, node or ""))

    def progress(self, done: float, total: float, unit: str = "") -> None:
        if self._may_pass(None, "ended" if done >= total else ""):
            self._append(events.Progress(done, total, unit))

    def node(self, node: str, phase: NodePhase, *, percent: float | None = None, detail: str = "") -> None:
        if self._may_pass(node, f"{phase} {percent == 100}"):
            self._append(events.NodeReached(node, phase, detail, None if percent is None else round(percent, 1)))

    def fact(self, name: str, value: JSON) -> None:
        self._append(events.Fact(name, value))

    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        self._append(events.ResourceStatus(resource, kind, status, reason))

    def phase(self, phase: HandoffPhase, state: PhaseState, detail: str = "") -> None:
        self._append(events.PhaseReached(phase, state, detail))

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None:
        self._append(events.Confirmed(wipe))

    def _append(self, event: Event) -> None:
        self._journal.append(event, step=self._step)

    def _may_pass(self, node: str | None, phase: str) -> bool:
        now = time.monotonic()
        with self._lock:
            when, before = self._last.get(node, (float("-inf"), ""))
            if phase == before and now - when < _LEAST_SECONDS_BETWEEN_PROGRESS:
                return False
            self._last[node] = (now, phase)
            return True
