"""What a line of the journal says: a frozen type per kind of event. `seedvm.engine.codec` makes lines of them and reads them again.

What another version says is kept: an event of a kind that is not known as Unknown, a key that is not known in `Entry.more`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeAlias

from seedvm.base.json_tree import JSON


@dataclass(frozen=True)
class _Kind:
    """A kind of event. Its fields are the keys on the line, in this order, unless `fields` says otherwise."""

    KIND: ClassVar[str]

    def fields(self) -> Mapping[str, JSON]:
        return vars(self)


@dataclass(frozen=True)
class PlannedStep:
    """A step as the engine described it when it started; on the line its stage is called `stretch`."""

    name: str
    title: str
    stage: str
    usual_seconds: float


@dataclass(frozen=True)
class RunStarted(_Kind):
    """An engine begins with these steps."""

    KIND: ClassVar[str] = "run-started"
    pid: int
    steps: tuple[PlannedStep, ...]

    def fields(self) -> Mapping[str, JSON]:
        steps: list[JSON] = [
            {"name": one.name, "title": one.title, "stretch": one.stage, "usual_seconds": one.usual_seconds}
            for one in self.steps
        ]
        return {"pid": self.pid, "steps": steps}


@dataclass(frozen=True)
class RunEnded(_Kind):
    """`verdict` is done, failed, blocked or stopped."""

    KIND: ClassVar[str] = "run-ended"
    verdict: str


@dataclass(frozen=True)
class StepChecked(_Kind):
    """`verdict` is done (with evidence), todo (with why) or blocked (with why and hint)."""

    KIND: ClassVar[str] = "step-checked"
    verdict: str
    evidence: Mapping[str, JSON] = field(default_factory=dict)
    why: str = ""
    hint: str = ""

    def fields(self) -> Mapping[str, JSON]:
        if self.verdict == "done":
            return {"verdict": self.verdict, "evidence": self.evidence}
        hint = {"hint": self.hint} if self.verdict == "blocked" or self.hint else {}
        return {"verdict": self.verdict, "why": self.why, **hint}


@dataclass(frozen=True)
class StepStarted(_Kind):
    """A step is applied; `why` is what its check found missing."""

    KIND: ClassVar[str] = "step-started"
    why: str


@dataclass(frozen=True)
class StepDone(_Kind):
    """A step was applied and its second check is content; `seconds` is None where a line does not say it."""

    KIND: ClassVar[str] = "step-done"
    seconds: float | None
    evidence: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class StepFailed(_Kind):
    """The error that ended the run, as in SeedvmError; `machine` is empty where it concerns none."""

    KIND: ClassVar[str] = "step-failed"
    what: str
    machine: str = ""
    why: str = ""
    hint: str = ""

    def fields(self) -> Mapping[str, JSON]:
        return {**vars(self), "machine": self.machine or None}


@dataclass(frozen=True)
class Log(_Kind):
    """A message, of one machine where `node` names it."""

    KIND: ClassVar[str] = "log"
    message: str
    node: str = ""

    def fields(self) -> Mapping[str, JSON]:
        return {"message": self.message, "node": self.node} if self.node else {"message": self.message}


@dataclass(frozen=True)
class Progress(_Kind):
    """How much of a step is done, in `unit`."""

    KIND: ClassVar[str] = "progress"
    done: float
    total: float
    unit: str = ""


@dataclass(frozen=True)
class NodeReached(_Kind):
    """A machine (its BMC's address or its name) is in a phase, one of seedvm.engine.stages or of another version."""

    KIND: ClassVar[str] = "node"
    node: str
    phase: str
    detail: str = ""
    percent: float | None = None

    def fields(self) -> Mapping[str, JSON]:
        line: dict[str, JSON] = {"node": self.node, "phase": self.phase, "detail": self.detail}
        return line if self.percent is None else {**line, "percent": self.percent}


@dataclass(frozen=True)
class Fact(_Kind):
    """A measured figure."""

    KIND: ClassVar[str] = "fact"
    name: str
    value: JSON


@dataclass(frozen=True)
class ResourceStatus(_Kind):
    """A resource of Heat's stack; `resource` is a path like `demo-undercloud-0/server`."""

    KIND: ClassVar[str] = "resource"
    resource: str
    kind: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class PhaseReached(_Kind):
    """A phase of the hand-off and its state, of seedvm.engine.stages or of another version."""

    KIND: ClassVar[str] = "phase"
    phase: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Confirmed(_Kind):
    """The operator's consent: `bmc`, `serial` and `disk` of each disk that may be wiped."""

    KIND: ClassVar[str] = "confirmed"
    wipe: Sequence[Mapping[str, JSON]]


@dataclass(frozen=True)
class Unknown(_Kind):
    """An event of a kind that this version does not know, with all its keys."""

    kind: str
    keys: Mapping[str, JSON]

    def fields(self) -> Mapping[str, JSON]:
        return self.keys


Event: TypeAlias = (
    RunStarted | RunEnded | StepChecked | StepStarted | StepDone | StepFailed | Log | Progress | NodeReached | Fact
    | ResourceStatus | PhaseReached | Confirmed | Unknown
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line: an event, when it was (UTC), of which run and which step. `more` holds the keys that its kind does not know."""

    seq: int
    time: datetime
    site: str
    run: str
    event: Event
    step: str | None = None
    more: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind's name on the line."""
        return self.event.kind if isinstance(self.event, Unknown) else self.event.KIND


def brief(evidence: Mapping[str, JSON], limit: int = 160) -> str:
    """Evidence in one line: `members 3, status Primary, vip held by seed`; what is longer than the limit is cut."""
    text = ", ".join(_named(name.replace("_", " "), value) for name, value in evidence.items())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _named(name: str, value: JSON) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return f"{name} {_value(value)}"


def _value(value: JSON) -> str:
    if isinstance(value, Mapping):
        return "(" + brief(value) + ")"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(_value(one) for one in value)
    return str(value)
