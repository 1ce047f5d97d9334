"""`member holder`: has this member the VIP? `member release`: let writes through HAProxy again.

The seed's own timer calls `release`, should the engine die with the hold in place.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.controller import vip


@dataclass(frozen=True)
class HolderRequest:
    """The virtual address."""

    vip: str


@dataclass(frozen=True)
class Holder:
    """Whether this member has the virtual address."""

    holds_vip: bool


@dataclass(frozen=True)
class ReleaseRequest:
    """Nothing to choose."""


@dataclass(frozen=True)
class Released:
    """Whether writes were held."""

    held: bool


def holder(request: HolderRequest) -> Holder:
    """As this member's own interfaces say."""
    return Holder(vip.holds(request.vip))


def release(_: ReleaseRequest) -> Released:
    """Harmless when writes are not held."""
    held = vip.writes_held()
    if held:
        vip.hold_writes(False)
    return Released(held)
