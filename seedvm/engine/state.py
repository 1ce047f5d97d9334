"""Where a site stands, as its journal says: frozen types alone; `seedvm.engine.reducer` makes them of events.

Times are seconds since the epoch (UTC), as floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from seedvm.base.json_tree import JSON

LOG_KEPT = 4000
"""Lines of log kept; the journal has them all."""

TIMES_KEPT = 32
"""Measured times kept of each phase of a machine."""

GAPS_KEPT = 240
"""Readings of the API's gap kept, one a second or two."""


@dataclass(frozen=True)
class StepView:
    """One step of the plan. `state` is waiting, todo, running, done, failed or blocked; seconds are measured.

    `summary` is the evidence of a done step in a few words.
    """

    name: str
    title: str
    stage: str
    usual_seconds: float
    state: str = "waiting"
    seconds: float | None = None
    started: float | None = None
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    why: str = ""
    hint: str = ""
    summary: str = ""


@dataclass(frozen=True)
class NodeView:
    """One machine as the journal names it; `since` is when its phase began, `before` the phase in which a failed one failed."""

    node: str
    phase: str
    percent: float | None = None
    detail: str = ""
    since: float = 0.0
    before: str = ""


@dataclass(frozen=True)
class MachineFailure:
    """A failure of a machine, which stays when its lane goes on. `order` is what came of it: empty, retried by the engine, retried by you,
    or replaced; `spare` is the BMC of the machine that took its place."""

    node: str
    time: float
    cause: str
    order: str = ""
    spare: str = ""


@dataclass(frozen=True)
class LogLine:
    """One line of the log; `node` and `step` are empty where the event named none."""

    time: float
    message: str
    node: str = ""
    step: str = ""


@dataclass(frozen=True)
class Failure:
    """Why the engine stopped; `kind` is failed or blocked."""

    step: str
    kind: str
    what: str
    machine: str = ""
    why: str = ""
    hint: str = ""


@dataclass(frozen=True)
class ResourceView:
    """A resource of Heat's stack; `path` is NODE/NAME below a node, `since` is when it got this status."""

    path: str
    kind: str
    status: str
    reason: str = ""
    since: float = 0.0


@dataclass(frozen=True)
class PhaseView:
    """One phase of the hand-off and the last thing said of it; `since` is when it came into its state, `began` when it was begun last."""

    name: str
    state: str
    time: float
    detail: str = ""
    since: float = 0.0
    began: float = 0.0


_NO_NODES: Mapping[str, NodeView] = MappingProxyType({})
_NO_FACTS: Mapping[str, JSON] = MappingProxyType({})
_NO_SECONDS: Mapping[str, float] = MappingProxyType({})
_NO_TIMES: Mapping[str, tuple[float, ...]] = MappingProxyType({})
_NONE_UNKNOWN: Mapping[str, int] = MappingProxyType({})
_NO_PHASES: Mapping[str, PhaseView] = MappingProxyType({})
_NO_RESOURCES: Mapping[str, ResourceView] = MappingProxyType({})


@dataclass(frozen=True)
class State:
    """All that is known from the journal. `verdict` is empty while the last run has not ended.

    `gaps` are the readings of the API's gap in a hand-off: when, and for how many seconds it had not answered then.

    `failures` are those of machines in the order of time, also those that are over: of a machine the last one.

    `logged` counts every line of log there was, `log` holds the last of them. `seconds` are those in which an engine worked until a run
    ended as done for the first time (`completed`), `stage_seconds` those per stage. `unknown` counts events by kinds that this version
    does not know, `damaged` says which lines of the journal are none.
    """

    site: str = ""
    run: str = ""
    steps: tuple[StepView, ...] = ()
    nodes: Mapping[str, NodeView] = field(default_factory=lambda: _NO_NODES)
    failures: tuple[MachineFailure, ...] = ()
    log: tuple[LogLine, ...] = ()
    facts: Mapping[str, JSON] = field(default_factory=lambda: _NO_FACTS)
    phases: Mapping[str, PhaseView] = field(default_factory=lambda: _NO_PHASES)
    gaps: tuple[tuple[float, float], ...] = ()
    resources: Mapping[str, ResourceView] = field(default_factory=lambda: _NO_RESOURCES)
    failure: Failure | None = None
    verdict: str = ""
    confirmed: float | None = None
    started: float | None = None
    ended: float | None = None
    last: float = 0.0
    last_run: str = ""
    last_step: str = ""
    events: int = 0
    logged: int = 0
    seconds: float = 0.0
    stage_seconds: Mapping[str, float] = field(default_factory=lambda: _NO_SECONDS)
    completed: bool = False
    step_seconds: Mapping[str, float] = field(default_factory=lambda: _NO_SECONDS)
    phase_seconds: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _NO_TIMES)
    unknown: Mapping[str, int] = field(default_factory=lambda: _NONE_UNKNOWN)
    damaged: tuple[str, ...] = ()

    def step(self, name: str) -> StepView | None:
        """The step of that name, or None."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def current(self) -> StepView | None:
        """The step that runs, else the one that stopped the engine, else None."""
        for wanted in (("running",), ("failed", "blocked")):
            for step in self.steps:
                if step.state in wanted:
                    return step
        return None

    @property
    def finished(self) -> int:
        """How many steps are done."""
        return sum(1 for step in self.steps if step.state == "done")

    @property
    def all_done(self) -> bool:
        """Every step of the plan is done."""
        return bool(self.steps) and self.finished == len(self.steps)

    def handed_over(self) -> State:
        """The State by a controller's copy of the journal: what the seed did after the copy was made is in the seed's own alone."""
        seen = tuple(step for step in self.steps if step.state == "done")
        return replace(self, steps=seen, failure=None, verdict="handed over")

    def outcome(self, engine_works: bool) -> str:
        """How the last run ended; working or killed where it has not."""
        return self.verdict or ("working" if engine_works else "killed")
