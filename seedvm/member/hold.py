"""`member holder`: has this member the VIP? `member release`: let writes through HAProxy again.

The seed's own timer calls `release`, should the engine die with the hold in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedvm.controller import vip


def holder(request: Mapping[str, Any]) -> dict[str, bool]:
    """Request: vip."""
    return {"holds_vip": vip.holds(request["vip"])}


def release(_: Mapping[str, Any]) -> dict[str, bool]:
    """Answer: whether writes were held."""
    held = vip.writes_held()
    if held:
        vip.hold_writes(False)
    return {"held": held}
