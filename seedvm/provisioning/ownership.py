"""Where a site stands, as its own cloud says: no cloud yet, the seed's, or the undercloud's alone. It only looks.

Steps that made the seed ask here first: what was handed over is never configured again.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.cloud import heat
from seedvm.cloud.connection import Cloud, CloudAccess, Refused, Unreachable, in_thread
from seedvm.controller import handed_over, vip
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.step import Context


@dataclass(frozen=True)
class Ownership:
    """`answers`: our login is good at the VIP. `here`: this machine holds the VIP. `stack`: the undercloud's, if there is one. `marked`:
    this seed's own mark says that it has handed over. `configured`: it has a seed's metadata, which COMMIT takes away behind the mark."""

    answers: bool
    here: bool
    stack: heat.Stack | None
    marked: bool = False
    configured: bool = False

    @property
    def stranger(self) -> bool:
        """The site's controllers serve, and this machine neither was their seed nor has taken the site up from them."""
        return self.handed_over and not self.here and not self.marked and not self.configured

    @property
    def handed_over(self) -> bool:
        """The seed is marked so; or the VIP is somebody else's who knows our password, or the stack was told that the seed is no member.

        Before COMMIT a node may hold the VIP as well, while the seed is off: a seed that still has its metadata has not handed over.
        """
        if self.marked:
            return True
        if not self.answers:
            return False
        return not (self.here or self.configured) or (self.stack is not None and not self.stack.seed_is_member)


def cloud_of(context: Context) -> Cloud:
    """The site's cloud through its VIP, as admin."""
    return Cloud(CloudAccess(str(context.site.provisioning.vip), context.secrets.generated.admin_password))


async def look(context: Context, cloud: Cloud) -> Ownership:
    """Ask the real system. Never an error: what does not answer is told so."""
    here = await in_thread(lambda: vip.holds(cloud.access.vip))
    marked, configured = handed_over.marked(context.site.name), LOCAL_DATA.exists()
    if not await cloud.answers():
        return Ownership(False, here, None, marked, configured)
    try:
        return Ownership(True, here, await heat.stack(cloud), marked, configured)
    except (Refused, Unreachable):
        return Ownership(True, here, None, marked, configured)


def silent(vip: str) -> SeedvmError:
    """What a seed that has handed over says when the undercloud does not answer."""
    return SeedvmError(
        f"the undercloud at {vip} does not answer",
        why="this seed has handed over to it; nothing on this seed was changed",
        hint="check the seed's cable; on the nodes: systemctl status keepalived haproxy mariadb; then run again",
    )
