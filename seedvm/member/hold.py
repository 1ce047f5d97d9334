"""`member holder`: has this member the VIP? `member yield`: leave it to another one. `member release`: let writes through again, and
start the workers.

The seed's own timer calls `release`, should the engine die with the hold in place. A seed that has handed over releases nothing: what
it accepted then would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base import process
from seedvm.controller import handed_over, vip
from seedvm.services.load import installed

YIELDED = "seedvm-vip-yielded"
"""The timer by which a member takes part again."""


@dataclass(frozen=True)
class HolderRequest:
    """The virtual address."""

    vip: str


@dataclass(frozen=True)
class Holder:
    """Whether this member has the virtual address."""

    holds_vip: bool


@dataclass(frozen=True)
class YieldRequest:
    """For how many seconds this member takes no part in who holds the VIP."""

    seconds: float


@dataclass(frozen=True)
class ReleaseRequest:
    """Nothing to choose."""


@dataclass(frozen=True)
class Released:
    """Whether writes were held, and whether the workers were started (harmless where they run)."""

    held: bool
    started: bool = False


def holder(request: HolderRequest) -> Holder:
    """As this member's own interfaces say."""
    return Holder(vip.holds(request.vip))


def yield_vip(request: YieldRequest) -> Holder:
    """End keepalived here, and have systemd start it again, whatever becomes of the one that asks."""
    keepalived = installed().units("vip")
    argv = ["systemd-run", f"--unit={YIELDED}", "--collect", "--quiet", f"--on-active={int(request.seconds)}"]
    process.run(["systemctl", "stop", f"{YIELDED}.timer"], timeout=20, check=False)
    process.run([*argv, "systemctl", "start", "--no-block", *keepalived], timeout=20)
    process.run(["systemctl", "stop", *keepalived], timeout=20)
    return Holder(holds_vip=False)


def release(_: ReleaseRequest) -> Released:
    """Harmless when writes are not held."""
    if handed_over.PATH.exists():
        return Released(held=False)
    held = vip.writes_held()
    if held:
        vip.hold_writes(False)
    workers = installed().units("worker")
    process.run(["systemctl", "start", "--no-block", *workers], timeout=60, check=False)
    return Released(held, started=True)
