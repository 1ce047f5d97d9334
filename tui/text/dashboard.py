"""What the deploy dashboard shows beside the lanes: Heat's resource tree, the stages of one node, and the running step.

Pure: no widget, no file. It refuses to call a stage done that the journal did not report.
"""

from __future__ import annotations

from collections.abc import Sequence

from seedvm.engine.stages import LAST_NODE_PHASES, NodePhase, stalled
from seedvm.engine.state import NodeView, ResourceView, State, StepView
from tui.text.format import clock, duration, fit
from tui.text.progress import evidence_of
from tui.widgets.lines import Line

STAGES: tuple[NodePhase, ...] = ("power", "pxe", "ramdisk", "write", "boot", "configure", "joined")
"""The way of an undercloud's node through its deployment, in order."""

TENANTS_STAGES = STAGES[:5]
"""The way of a machine that the undercloud deploys for a tenant: it is active once it runs from its own disk."""

_STAGE_TEXTS = {
    "power": "its BMC powers it on", "pxe": "it boots from the network", "ramdisk": "the agent runs in memory",
    "write": "the image is written to its disk", "boot": "it boots from its own disk", "configure": "its services are configured",
    "joined": "it reports success to Heat",
}  # fmt: skip


def stack_lines(state: State, wanted: str, width: int) -> list[Line]:
    """Heat's resources as a tree: the group, each node, and what it is made of."""
    shown = sorted(state.resources.values(), key=lambda one: ("/" in one.path or one.kind.endswith(".yaml"), one.path))
    lines = [_resource_line(one, width) for one in shown if wanted.lower() in f"{one.path} {one.status}".lower()]
    return lines or [[("no Heat resources reported yet", "dim")]]


def _resource_line(one: ResourceView, width: int) -> Line:
    depth = one.path.count("/") + (1 if one.kind.endswith(".yaml") or "/" in one.path else 0)
    style = "bad" if one.status.endswith("FAILED") else "good" if one.status.endswith("COMPLETE") else "busy"
    mark = {"bad": "!", "good": "x"}.get(style, ">")
    name = "  " * depth + f"[{mark}] " + one.path.rsplit("/", 1)[-1]
    kind = one.kind.removeprefix("OS::")
    head = [(fit(name, 30) + " ", style), (fit(kind, 26) + " ", "dim"), (clock(one.since) + " ", "dim")]
    return [*head, (fit(f"{one.status} {one.reason}".rstrip(), max(1, width - 67)).rstrip(), style)]


def stage_lines(node: NodeView | None, now: float, width: int) -> list[Line]:
    """The stages of a node's way: which are behind it, where it is and for how long, what is still to come."""
    if node is None:
        return [[("nothing reported for this node yet", "dim")]]
    failed = node.phase == "failed"
    stages = TENANTS_STAGES if node.phase == "active" and node.before != "joined" else STAGES
    phase = node.before if failed else node.phase
    at = stages.index(phase) if phase in stages else -1
    if node.phase in LAST_NODE_PHASES:
        at = len(stages)
    lines: list[Line] = []
    for number, stage in enumerate(stages):
        mark, style = ("x", "good") if number < at else (">", "busy") if number == at else (" ", "dim")
        text = _STAGE_TEXTS[stage]
        if number == at and failed:
            mark, style, text = "!", "bad", f"failed here: {node.detail}"
        elif number == at:
            percent = f"{node.percent:.0f}%  " if node.percent is not None else ""
            text = f"{percent}{node.detail or text}  for {duration(now - node.since)}"
        lines.append([(f"[{mark}] {stage:<10} ", style), (fit(text, max(1, width - 15)).rstrip(), style)])
    return lines


def waiting(step: StepView | None, now: float) -> str:
    """What is waited for, how long it usually takes and how long it has taken; blank where nothing runs."""
    if step is None or step.state != "running" or step.started is None:
        return ""
    usual = f", usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
    return f"{step.title}: {duration(now - step.started)} so far{usual}"


def failed_nodes(lanes: Sequence[tuple[str, NodeView]]) -> list[str]:
    """The names of lanes that need attention: failed or stalled."""
    return [name for name, node in lanes if node.phase == "failed" or stalled(node.detail)]


_EVIDENCE = (
    ("Members", "JOIN", "members_whole", "{} nodes are full members of the seed's cluster"),
    ("Tables", "COMPARE", "tables_compared", "{}, identical rows and checksums"),
    ("Images", "COMPARE", "images_compared", "{}, identical SHA-512"),
    ("Secrets", "COMPARE", "secrets_proven", "decrypted on every member: {}"),
    ("VIP", "COMMIT", "vip_holder", "held by {}"),
)


def evidence_lines(state: State, at: float, width: int) -> list[Line]:
    """The hand-off's evidence so far: what was proved, who holds the VIP, the API's gap, and the pause of writes; `at` is now."""
    lines = []
    for head, name, fact, template in _EVIDENCE:
        phase = state.phases.get(name)
        value = state.facts.get(fact)
        if value is None and phase is not None and phase.state == "done":
            value, template = phase.detail or f"{name} is done", "{}"
        elif value is None and (seen := evidence_of(state, name)):
            value, template = seen, "{}"
        lines.append(_evidence_line(head, value, template, width))
    now, longest = state.facts.get("api_gap_now_seconds"), state.facts.get("api_gap_longest_seconds")
    final = state.facts.get("handoff_longest_gap_seconds")
    gap = f"longest {final} s, measured at 5 Hz until the end" if final is not None else None
    if gap is None and longest is not None:
        gap = f"{now} s now, longest {longest} s so far (polled at 5 Hz through the VIP)"
    lines.append(_evidence_line("API gap", gap, "{}", width))
    lines.append(writes_line(state, at, width))
    return lines


def writes_line(state: State, at: float, width: int) -> Line:
    """For how long writes have been on hold by now, and how long they may be; once they pass again, for how long they were."""
    since, limit = state.facts.get("write_hold_since"), state.facts.get("write_pause_limit_seconds")
    if not isinstance(since, int | float):
        return _evidence_line("Writes", state.facts.get("handoff_write_pause_seconds"), "paused for {} s", width)
    seconds = max(0, int(at - since))
    late = isinstance(limit, int | float) and seconds > limit
    text = f"on hold for {seconds} s" + (f", limit {limit:g} s" if isinstance(limit, int | float) else "")
    return [(fit("Writes", 8) + " ", "strong"), (fit(text, max(1, width - 9)).rstrip(), "bad" if late else "busy")]


def _evidence_line(head: str, value: object, template: str, width: int) -> Line:
    text = template.format(value) if value is not None else "not yet"
    return [
        (fit(head, 8) + " ", "strong"),
        (fit(text, max(1, width - 9)).rstrip(), "good" if value is not None else "dim"),
    ]


def no_return_line(state: State, width: int) -> Line:
    """Whether the point of no return is passed."""
    commit = state.phases.get("COMMIT")
    if commit is None:
        return [(fit("Point of no return (COMMIT): not reached; failures are rolled back", width).rstrip(), "strong")]
    if commit.state == "done":
        text = f"Point of no return (COMMIT): PASSED at {clock(commit.time)}; no rollback, only retry"
        return [(fit(text, width).rstrip(), "strong")]
    return [(fit(f"Point of no return (COMMIT): {commit.state} at {clock(commit.since)}", width).rstrip(), "busy")]
