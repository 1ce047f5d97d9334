"""The names that a deployment is told in: stages of the plan, phases of a machine, phases of the hand-off and their states.

They are the words of the journal, of the screen and of report.json; a wrong one does not pass the type checker.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Stage: TypeAlias = Literal[
    "preflight", "seed", "discover", "credentials", "register", "inspect", "review", "images", "deploy", "join", "handoff",
    "leave",
]  # fmt: skip
STAGES: tuple[Stage, ...] = get_args(Stage)

STEPS = (
    "seed-network", "preflight", "seed-services", "discover", "settle-passwords", "credentials", "rotate", "boot-mac", "ramdisk",
    "register", "inspect", "review", "images", "deploy", "join", "handoff-compare", "handoff-quiesce", "handoff-fence", "handoff-commit",
    "handoff-own", "handoff-retire", "handoff-rehearse", "receipt", "leave-cluster", "wipe", "seed-off",
)  # fmt: skip
"""The name of every step that a plan may have, in their order; known without loading a plan."""

NodePhase: TypeAlias = Literal[
    "found", "login", "registered", "inspecting", "inspected", "power", "pxe", "ramdisk", "write", "boot", "configure",
    "joined", "active", "unfit", "failed",
]  # fmt: skip
NODE_PHASES: tuple[NodePhase, ...] = get_args(NodePhase)[:-2]
"""The phases of a machine with which all goes well, in their order; `unfit` and `failed` stand beside them."""

LAST_NODE_PHASES: tuple[NodePhase, ...] = ("joined", "active")
"""The last phase of a node of the undercloud, and that of any other."""

STALLED = "STALLED"
"""Marks a machine's detail when it made no progress for longer than usual."""


def stalled(detail: str) -> bool:
    """Whether a machine's detail says that it stalled; journals of earlier versions have another mark."""
    return STALLED in detail or "STANDS" in detail


HandoffPhase: TypeAlias = Literal["JOIN", "COMPARE", "QUIESCE", "FENCE", "COMMIT", "OWN", "REHEARSE", "RECEIPT"]
HANDOFF_PHASES: tuple[HandoffPhase, ...] = get_args(HandoffPhase)

PhaseState: TypeAlias = Literal["started", "done", "failed", "undone"]
