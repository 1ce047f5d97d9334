"""When it will be safe to leave: the time that is left, from what was measured on this site. Pure; knows no clock.

A step, or a machine's stage, that has run for a while is asked how long such ones still take that have run for as long (a log-normal time):
one that takes longer than usual keeps moving the estimate, and is never all but done. What counts is the work until the laptop may leave;
the operator's own time is none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist, median

from seedvm.engine.stages import LAST_NODE_PHASES, NodePhase
from seedvm.engine.state import NodeView, State, StepView

LAST_STEPS = ("leave-cluster", "receipt")
"""The step with which the laptop may leave: the first of these that a plan has."""

WAY: Mapping[NodePhase, float] = {"power": 20, "pxe": 12, "ramdisk": 15, "write": 35, "boot": 60, "configure": 120}
"""The stages of a node of the undercloud on its way, and the seconds that each usually takes where none was measured yet."""

_SPREAD = 0.35  # of the logarithm of a step's time, as seen from one site to another
_KNOWN_SPREAD = 0.25  # where it was measured on this site
_BETWEEN = 2.0  # seconds in which the engine looks before and after a step, where nothing was measured
_PRIOR = 90.0  # seconds of usual time that a pace of 1 weighs
_HUMAN = ("review",)
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Forecast:
    """Seconds of work: `worked` so far, `left` until the laptop may leave, which lies between `early` and `late`."""

    worked: float
    left: float
    early: float
    late: float

    @property
    def share(self) -> float:
        """How much of the work is behind us, 0 to 1."""
        whole = self.worked + self.left
        return self.worked / whole if whole > 0 else 1.0


def left_of(usual: float, gone: float, spread: float = _SPREAD) -> float:
    """Seconds that are still to be expected of something that usually takes `usual` (the median) and is not over after `gone`."""
    if usual <= 0:
        return 0.0
    if gone <= 0:
        return usual
    at = log(gone / usual) / spread
    if at > 6:  # so far beyond all experience that only its own time says something
        return gone * spread / 10
    half = -_NORMAL.inv_cdf(_NORMAL.cdf(-at) / 2)
    return max(0.0, usual * exp(half * spread) - gone)


def until_leave(state: State) -> tuple[StepView, ...]:
    """The steps until the laptop may leave."""
    names = [step.name for step in state.steps]
    last = next((names.index(name) for name in LAST_STEPS if name in names), len(names) - 1)
    return state.steps[: last + 1]


def pace(state: State) -> float:
    """How much longer steps take on this site than usual: 1 as usual, 2 twice as long; near 1 while little was measured."""
    pairs = [(step.seconds, step.usual_seconds) for step in _measured(state)]
    took, usual = sum(pair[0] or 0.0 for pair in pairs), sum(pair[1] for pair in pairs)
    return min(4.0, max(0.25, (took + _PRIOR) / (usual + _PRIOR)))


def between(state: State) -> float:
    """Seconds that go by between two steps on this site: the engine looks before and after each, and again after it was stopped."""
    measured = _measured(state)
    spent = max(0.0, state.seconds - sum(step.seconds or 0.0 for step in measured) - gone_of_all(state))
    return min(_BETWEEN * 4, (spent / 2 + _BETWEEN * 5) / (len(measured) + 5))


def _measured(state: State) -> list[StepView]:
    return [step for step in state.steps if step.seconds and step.usual_seconds > 0 and step.name not in _HUMAN]


def gone_of_all(state: State) -> float:
    """Seconds in the step that runs, up to the journal's last word."""
    return sum(gone_of(step, state.last) for step in state.steps)


def usual_of(state: State, step: StepView) -> float:
    """Seconds that a step takes on this site: as it was measured here, else its usual time at this site's pace."""
    return state.step_seconds.get(step.name) or step.usual_seconds * pace(state)


def usual_stage(state: State, stage: str) -> float:
    """Seconds that a stage of a machine takes on this site; 0 for one of which nothing is known."""
    measured = state.phase_seconds.get(stage)
    if measured:
        return median(measured)
    return WAY.get(stage, 0.0) * pace(state) if stage in WAY else 0.0  # type: ignore[call-overload]


def gone_of(step: StepView, now: float) -> float:
    """Seconds in a running step."""
    return max(0.0, now - step.started) if step.state == "running" and step.started is not None else 0.0


def forecast(state: State, now: float, *, working: bool = True) -> Forecast | None:
    """What is left until the laptop may leave; None without a plan. `working`: an engine is at work, so that time since its last word
    counts as work."""
    if not state.steps:
        return None
    pairs = [_step_left(state, step, now) for step in until_leave(state) if step.state != "done"]
    left = sum(seconds for seconds, _ in pairs) + between(state) * len(pairs)
    worked = state.seconds + (max(0.0, now - state.last) if working else 0.0)
    # Steps differ each by itself, and all of them together by what is not known of this site yet.
    together = 0.12 + 0.25 * left / (worked + left + 1.0)
    width = sqrt(sum((seconds * spread) ** 2 for seconds, spread in pairs) + (together * left) ** 2)
    return Forecast(worked, left, max(0.0, left - width), left + 1.25 * width)


def _step_left(state: State, step: StepView, now: float) -> tuple[float, float]:
    """Seconds left of a step that is not done, and their spread."""
    spread = _KNOWN_SPREAD if step.name in state.step_seconds else _SPREAD
    if step.name in _HUMAN:
        return 0.0, 0.0
    gone = gone_of(step, now)
    by_time = left_of(usual_of(state, step), gone, spread)
    if step.name == "deploy" and (by_lane := _deploy_left(state, step, now)) is not None:
        # Early on the machines say little; once one of them is late, they say all.
        trust = min(1.0, gone / max(1.0, usual_of(state, step)))
        return trust * by_lane + (1 - trust) * max(by_lane, by_time), spread
    return _by_counter(step, gone, by_time), spread


def _by_counter(step: StepView, gone: float, by_time: float) -> float:
    """A counter is believed the more of it is done, and never alone: three of three may be counted long before a step is over."""
    share = step.done / step.total if step.total > 0 else 0.0
    if not 0.0 < share < 1.0 or gone <= 0:
        return by_time
    weight = share * share
    return (1 - weight) * by_time + weight * gone * (1 / share - 1)


def _deploy_left(state: State, step: StepView, now: float) -> float | None:
    """Seconds until the last machine of the undercloud has joined; None before one is on its way. A failed one has all of its way to go
    again, as has the machine that takes its place."""
    on_way = [node for node in state.nodes.values() if node.phase in WAY or node.phase in ("joined", "failed")]
    named = [node for node in on_way if "-undercloud-" in node.node]
    if not named or (step.started is not None and all(node.phase == "joined" for node in named)):
        return None if not named else 0.0
    return max((way_left(state, node, now) for node in named if node.phase not in LAST_NODE_PHASES), default=0.0)


def way_left(state: State, node: NodeView, now: float) -> float:
    """Seconds until a machine has joined."""
    stages: Sequence[NodePhase] = tuple(WAY)
    if node.phase not in stages:
        return sum(usual_stage(state, stage) for stage in stages)
    at = stages.index(node.phase)
    here = left_of(usual_stage(state, node.phase), now - node.since)
    return here + sum(usual_stage(state, stage) for stage in stages[at + 1 :])


def way_share(state: State, node: NodeView, now: float) -> float:
    """How much of its way a machine has behind it, 0 to 1, in time; of the stage that it is in by its own percent, where it tells."""
    if node.phase in LAST_NODE_PHASES:
        return 1.0
    stages: Sequence[NodePhase] = tuple(WAY)
    if node.phase not in stages:
        return 0.0
    usual = [usual_stage(state, stage) for stage in stages]
    at = stages.index(node.phase)
    gone = max(0.0, now - node.since)
    share = node.percent / 100 if node.percent is not None else gone / (gone + left_of(usual[at], gone) or 1.0)
    return (sum(usual[:at]) + min(1.0, share) * usual[at]) / (sum(usual) or 1.0)
