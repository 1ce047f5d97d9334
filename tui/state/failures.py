"""Failures that stay until the operator has acknowledged them: which are to be read, and which machine each was of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seedvm.engine.state import LogLine, MachineFailure
from tui.state.acknowledged import key_of
from tui.state.cause import plain_cause
from tui.state.watcher import View

_LEFT = "not tried again"


def to_read(view: View) -> tuple[MachineFailure, ...]:
    """The failures that nobody has acknowledged, in the order of time."""
    return tuple(one for one in view.state.failures if key_of(one) not in view.acknowledged)


def failures_of(view: View, bmc: str, key: str) -> tuple[MachineFailure, ...]:
    """Those of the machine with this BMC; by the lane's name alone where no review says which machine had it."""
    return tuple(one for one in view.state.failures if (bmc_of(view, one) or one.node) in (bmc, key))


def log_of(view: View, failures: tuple[MachineFailure, ...], key: str) -> Sequence[LogLine]:
    """The log in which what a replaced machine did under the name that its spare has now is its own again, up to its failure."""
    until = {one.node: one.time for one in failures if one.spare and one.node != key}
    if not until:
        return view.state.log
    return [replace(one, node=key) if one.time <= until.get(one.node, 0.0) else one for one in view.state.log]


def bmc_of(view: View, one: MachineFailure) -> str:
    """The BMC of the machine that failed, also after a spare took its name; where no review tells, the lane's name, or nothing where
    that is another machine's now."""
    machines = view.review.machines if view.review else ()
    if one.spare:
        return next((machine.bmc for machine in machines if machine.why == f"replaced by {one.spare}"), "")
    return next((machine.bmc for machine in machines if machine.name == one.node), one.node)


def told(one: MachineFailure, order: str = "") -> str:
    """What came of it: the order that waits, what was done, or that nothing was."""
    if order:
        return f"requested: {order}"
    return f"{one.order} by {one.spare}" if one.spare else one.order or _LEFT


def cause_of(one: MachineFailure) -> str:
    """Why, without what services wrap around it."""
    return plain_cause(one.cause) or "no cause was reported"
