"""Before COMMIT the VIP belongs to the seed. Where it was away, a node serves it meanwhile, and here it comes back, on purpose.

keepalived never takes the VIP from one who serves it: both would hold it for a moment. So the nodes leave it: first those that do not
hold it, so that only the seed is there to take it, then the holder. It refuses before the seed can serve, and after COMMIT.
"""

from __future__ import annotations

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NotYet, wait_for
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost
from seedvm.controller import units, vip
from seedvm.engine.step import Report
from seedvm.handoff.members import Members
from seedvm.member import verbs
from seedvm.member.hold import HolderRequest, YieldRequest
from seedvm.services.load import installed

_YIELD_SECONDS = 20.0
_SERVE_SECONDS = 180.0
_TAKE_SECONDS = 15.0
_WIRE = "check the seed's cable, and on the seed: systemctl status keepalived mariadb"


class Away(SeedvmError):
    """The VIP is not on the seed; it may come back by itself or at the next try."""

    passing = True


async def holding(members: Members) -> SshHost | None:
    """The node that holds the VIP; None where none of those that answer does."""
    said = await members.ask_some(verbs.HOLDER, HolderRequest(members.vip), timeout=20)
    return next((node for node in members.nodes if node.name in said and said[node.name].holds_vip), None)


async def to_seed(members: Members, report: Report, *, serve_seconds: float = _SERVE_SECONDS) -> None:
    """Have the seed hold the VIP, once it can serve. Nothing to do where it does, or where no node has it."""
    if await in_thread(lambda: vip.holds(members.vip)):
        return
    holder = await holding(members)
    if holder is None:
        return
    if await members.committed():
        raise SeedvmError(f"the VIP stays on {holder.name}: COMMIT is passed", hint="complete the hand-off: seedvm run")
    report.log("it holds the VIP; the seed takes it back once it can serve", node=holder.name)
    await wait_for(lambda: _serves(members), seconds=serve_seconds, what="the seed cannot serve yet", hint=_WIRE)
    await units.start(installed().units("vip"))
    others = [node for node in members.nodes if node is not holder]
    said = await members.ask_some(verbs.HOLDER, HolderRequest(members.vip), timeout=20)
    for node in (*(one for one in others if one.name in said), holder):
        await members.ask_one(node, verbs.YIELD, YieldRequest(_YIELD_SECONDS))
    await wait_for(
        lambda: _here(members), seconds=_TAKE_SECONDS, what="the seed did not take the VIP", hint=_WIRE, pause=0.2
    )
    report.fact("vip_holder", members.seed.name)
    report.log("the seed holds the VIP again")


def assert_here(members: Members) -> None:
    """Away where this machine does not hold the VIP: what it refuses another one accepts."""
    if not vip.holds(members.vip):
        raise Away(
            "the VIP is not on the seed",
            why="a node serves it: the seed was off or cut off for a moment",
            hint=f"{_WIRE}; then run again",
        )


async def _serves(members: Members) -> bool | NotYet:
    """Whether the seed's own database and APIs work."""
    said = await members.ask_one(members.seed, verbs.STATUS, members.looked_at(members.seed, ("galera", "apis")))
    missing = [f"{name}: {why}" for name, why in (said.apis or {}).items() if why != "up"]
    if said.galera is None or not said.galera.healthy:
        missing.append(f"its database is {said.galera.state if said.galera else said.broken.get('galera', 'silent')}")
    return NotYet("; ".join(missing[:3]), members.seed.name) if missing else True


async def _here(members: Members) -> bool:
    return await in_thread(lambda: vip.holds(members.vip))
