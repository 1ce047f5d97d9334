"""What needs somebody: each with the page that leads on and a sentence. Pure. It decides nothing and forgets nothing that stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seedvm.engine.stages import stalled
from seedvm.engine.state import Failure, NodeView, State
from tui.state.cause import plain_cause
from tui.state.failures import bmc_of, cause_of, to_read, told
from tui.state.watcher import View


@dataclass(frozen=True)
class NeedsYou:
    """`page` is where it is answered, `node` the machine that it is about (empty for none). `asks`: a question, and nothing has failed.
    `read`: a failure that is only to be acknowledged."""

    page: str
    what: str
    node: str = ""
    asks: bool = False
    read: bool = False


def needs_of(view: View) -> tuple[NeedsYou, ...]:
    """The most urgent first: what the engine waits for, then machines, then failures that nobody has acknowledged yet."""
    found: list[NeedsYou] = []
    state, failure = view.state, view.state.failure
    if view.review is not None and not view.confirmed and _asks_review(view):
        wiped = sum(1 for machine in view.review.machines if machine.wiped)
        found.append(
            NeedsYou("review", f"the disks of {wiped} machines would be wiped: look at them and confirm", asks=True)
        )
    elif failure is not None and not view.running:
        found.append(_stopped(state, failure))
    if view.receipt is not None and view.receipt.open:
        found.append(NeedsYou("receipt", f"a doubt waits for your word: {view.receipt.open[0].what}", asks=True))
    told = {one.node for one in found}
    for node in state.nodes.values():
        if needs_somebody(node) and node.node not in told and node.node not in view.orders and not state.all_done:
            found.append(NeedsYou("node", plain_cause(node.detail), node.node))
    return (*found, *_to_read(view, {one.node for one in found}))


def _to_read(view: View, told_already: set[str]) -> Iterator[NeedsYou]:
    for one in to_read(view):
        if one.spare or one.node not in told_already:
            order = view.orders.get(one.node, "") if not one.spare else ""
            page = (bmc_of(view, one) or one.node) if one.spare else one.node
            yield NeedsYou("node", f"failed, {told(one, order)}: {cause_of(one)}", page, read=True)


def needs_somebody(node: NodeView) -> bool:
    """Failed, or no progress for longer than usual."""
    return node.phase == "failed" or stalled(node.detail)


def _asks_review(view: View) -> bool:
    failure = view.state.failure
    return failure is not None and failure.step == "review" and failure.kind == "blocked" and not view.running


def _stopped(state: State, failure: Failure) -> NeedsYou:
    step = state.step(failure.step)
    title = step.title if step is not None else failure.step
    why = plain_cause(failure.why or failure.what)
    if failure.machine and failure.step == "deploy":
        return NeedsYou("node", why, failure.machine)
    page = "handoff" if failure.step.startswith("handoff") else "progress"
    return NeedsYou(page, f"{title}: {why}" if title.lower() not in why.lower() else why, failure.machine)
