"""The contract of a step: Step, its verdicts, what it may report, and the context that it is built from.

A step is done because the real system says so. `check` only reads; `apply` may die at any line and be run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from seedvm.base.json_tree import JSON
from seedvm.engine.stages import HandoffPhase, NodePhase, PhaseState, Stage
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets


@dataclass(frozen=True)
class Done:
    """The outcome is there; the evidence is what was read from the real system to say so."""

    evidence: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Todo:
    """The outcome is not there yet and `apply` can bring it about."""

    why: str


@dataclass(frozen=True)
class Blocked:
    """Only the operator can go on; `hint` says how."""

    why: str
    hint: str = ""


Verdict: TypeAlias = Done | Todo | Blocked


class Report(Protocol):
    """What a step tells while it works; the engine journals it."""

    def log(self, message: str, *, node: str | None = None) -> None: ...

    def progress(self, done: float, total: float, unit: str = "") -> None: ...

    def node(self, node: str, phase: NodePhase, *, percent: float | None = None, detail: str = "") -> None: ...

    def fact(self, name: str, value: JSON) -> None: ...

    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        """A resource of Heat's stack and its status; `resource` is a path like `demo-undercloud-0/server`."""

    def phase(self, phase: HandoffPhase, state: PhaseState, detail: str = "") -> None:
        """A phase of the hand-off and its state."""

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None:
        """The operator's consent, as in confirmed.json: `bmc`, `serial` and `disk` of each disk to be wiped."""


class Step(Protocol):
    """A named outcome. A class of steps says the four names as class variables; `usual_seconds` is what `apply` usually takes."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def stage(self) -> Stage: ...

    @property
    def usual_seconds(self) -> float: ...

    async def check(self) -> Verdict: ...

    async def apply(self, report: Report) -> None: ...


@dataclass(frozen=True)
class Context:
    """All that a plan is built from.

    `confirmation` is the site's name as the operator gave it by `--yes-wipe`, or None; what was confirmed on the screen is in
    `state_dir/confirmed.json`.
    """

    site: Site
    secrets: Secrets
    state_dir: Path
    images_dir: Path
    confirmation: str | None = None
