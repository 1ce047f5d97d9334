"""How far a run is and how long it still takes, from the usual times of steps and the measured ones. Pure; knows no clock."""

from __future__ import annotations

from seedvm.engine.state import State, StepView


def step_fraction(step: StepView, now: float) -> float:
    """How much of a step is behind us, 0 to 1: its own progress if it tells, else time against the usual."""
    if step.state == "done":
        return 1.0
    if step.state != "running":
        return 0.0
    if step.total > 0:
        return min(1.0, step.done / step.total)
    if step.started is None or step.usual_seconds <= 0:
        return 0.0
    return min(0.95, max(0.0, now - step.started) / step.usual_seconds)


def overall(state: State, now: float) -> float:
    """Share of the deployment that is done, 0 to 1, each step weighted by what it took or usually takes."""
    weights = [(step.seconds if step.state == "done" and step.seconds else step.usual_seconds, step)
               for step in state.steps]  # fmt: skip
    whole = sum(max(weight, 0.1) for weight, _ in weights)
    behind = sum(max(weight, 0.1) * step_fraction(step, now) for weight, step in weights)
    return behind / whole if whole else 0.0


def seconds_left(state: State, now: float) -> float | None:
    """Seconds to the end: usual times of what is open, scaled by the pace of this run; None without a plan."""
    if not state.steps:
        return None
    pairs = [(s.seconds, s.usual_seconds) for s in state.steps if s.state == "done" and s.seconds and s.usual_seconds]
    usual = sum(pair[1] for pair in pairs)
    pace = min(4.0, max(0.25, sum(pair[0] for pair in pairs) / usual)) if usual > 30 else 1.0
    left = 0.0
    for step in state.steps:
        if step.state == "done":
            continue
        left += step.usual_seconds * pace * (1.0 - step_fraction(step, now))
    return left
