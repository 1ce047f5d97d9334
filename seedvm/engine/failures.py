"""Failures of machines as the journal tells them, and what came of each: they stay when the machine's lane goes on. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from seedvm.engine.events import NodeReached
from seedvm.engine.state import MachineFailure

Failures = tuple[MachineFailure, ...]
BY_ENGINE, BY_YOU, REPLACED = "retried by the engine", "retried by you", "replaced"
_REPLACE = re.compile(r"requested: replace \S+ with (\S+)")


def reached(known: Failures, event: NodeReached, step: str, now: float) -> Failures:
    """What is known after a machine reached a phase: a failure more, more of the last one, or that the deployment went on with it."""
    if event.phase != "failed":
        return _changed(known, event.node, _retried) if step == "deploy" else known
    last = next((one for one in known if one.node == event.node and one.order != REPLACED), None)
    if last is not None and not last.order:
        return _changed(known, event.node, lambda one: replace(one, cause=max(one.cause, event.detail, key=len)))
    return (*(one for one in known if one is not last), MachineFailure(event.node, now, event.detail))


def ordered(known: Failures, node: str, message: str) -> Failures:
    """What is known after a line of the log, which may say that the operator's order is carried out."""
    if not node or not message.startswith("requested: "):
        return known
    if (found := _REPLACE.match(message)) is not None:
        return _changed(known, node, lambda one: replace(one, order=REPLACED, spare=found[1]))
    return _changed(known, node, lambda one: replace(one, order=BY_YOU))


def _retried(one: MachineFailure) -> MachineFailure:
    return one if one.order else replace(one, order=BY_ENGINE)


def _changed(known: Failures, node: str, change: Callable[[MachineFailure], MachineFailure]) -> Failures:
    return tuple(change(one) if one.node == node and one.order != REPLACED else one for one in known)
