"""Where a site stands, as its own cloud says: no cloud yet, the seed's, or the undercloud's alone. It only looks.

Steps that made the seed ask here first: what was handed over is never configured again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from seedvm.cloud import heat
from seedvm.cloud.connection import Cloud, CloudAccess, Refused, Unreachable
from seedvm.controller import vip
from seedvm.engine.step import Context


@dataclass(frozen=True)
class Ownership:
    """`answers`: our login is good at the VIP. `here`: this machine holds the VIP. `stack`: the undercloud's, if there is one."""

    answers: bool
    here: bool
    stack: heat.Stack | None

    @property
    def handed_over(self) -> bool:
        """The VIP is somebody else's who knows our password, or the stack was told that the seed is no member."""
        if not self.answers:
            return False
        return not self.here or (self.stack is not None and not self.stack.seed_is_member)


def cloud_of(context: Context) -> Cloud:
    """The site's cloud through its VIP, as admin."""
    return Cloud(CloudAccess(str(context.site.provisioning.vip), context.secrets.generated.admin_password))


async def look(context: Context, cloud: Cloud) -> Ownership:
    """Ask the real system. Never an error: what does not answer is told so."""
    here = await asyncio.to_thread(vip.holds, cloud.access.vip)
    if not await cloud.answers():
        return Ownership(False, here, None)
    try:
        return Ownership(True, here, await heat.stack(cloud))
    except (Refused, Unreachable):
        return Ownership(True, here, None)
