"""What the deploy dashboard shows beside the lanes: Heat's resource tree, the stages of one node, and the running step.

Pure: no widget, no file. It refuses to call a stage done that the journal did not report.
"""

from __future__ import annotations

from seedvm.base.rows import Line
from seedvm.engine.stages import LAST_NODE_PHASES, NodePhase
from seedvm.engine.state import NodeView, ResourceView, State, StepView
from tui.text.format import clock, duration, fit

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


_SIGNS = {"x": "✔", ">": "▶", "!": "✖", " ": "·"}


def stage_strip(node: NodeView | None, now: float, width: int) -> list[Line]:
    """`stage_lines` in one line, for a screen that is low; what a stage says stands beside it in the cause."""
    lines = stage_lines(node, now, width)
    if node is None:
        return lines
    spans: list[tuple[str, str]] = []
    for line in lines:
        head, style = line[0]
        spans.append((f"{_SIGNS[head[1]]} {head[4:].strip()}  ", style))
        if head[1] == ">":
            spans[-1] = (f"{_SIGNS['>']} {head[4:].strip()} {duration(now - node.since)}  ", style)
    return [spans]


def waiting(step: StepView | None, now: float) -> str:
    """What is waited for, how long it usually takes and how long it has taken; blank where nothing runs."""
    if step is None or step.state != "running" or step.started is None:
        return ""
    usual = f", usually {duration(step.usual_seconds)}" if step.usual_seconds else ""
    return f"{step.title}: {duration(now - step.started)} so far{usual}"
