"""A node of a stack that stands and that is to begin again blank: it died before COMMIT, or the operator wants it written again.

It switches the machine off and takes the server out of Nova, so that the next update of the stack makes another. It refuses to touch a
node that answers unless the order says that its disk may be written again.
"""

from __future__ import annotations

import time

from seedvm.base.errors import SeedvmError
from seedvm.base.tcp import connects
from seedvm.base.waiting import NotYet, TimedOut, wait_for
from seedvm.cloud import ironic, nova
from seedvm.cloud.connection import Cloud
from seedvm.engine.step import Report
from seedvm.site.model import Site
from seedvm.site.orders import Order

_SSH = 22
OFF_SECONDS = 150.0
_GONE_SECONDS = 300.0
_CONDUCTOR_SECONDS = 180.0  # it is counted as alive for 60 s after its last heartbeat
_ASK_AGAIN_SECONDS = 30.0  # a conductor that died with the node may have been asked
_LOOK_EVERY = 3.0


async def answers(site: Site, node: str) -> bool:
    """Whether the node's own system takes connections."""
    return any([await connects(str(one.address), _SSH) for one in site.controllers if one.name == node])


async def obeyable(site: Site, order: Order) -> bool:
    """Whether an order for a node whose server was made is to be obeyed. Raises SeedvmError where it would end a node that answers, or
    would leave too few."""
    if order.wipe:
        silent = [one.name for one in site.controllers if one.name != order.node and not await answers(site, one.name)]
        if silent:
            raise SeedvmError(
                "refusing to write a running node again",
                machine=order.node,
                why=f"{', '.join(silent)} does not answer: too few would be left",
                hint="replace or retry that one first",
            )
        return True
    if not await answers(site, order.node):
        return True
    if order.spare:
        raise SeedvmError(
            "refusing to replace a running node",
            machine=order.node,
            why="it answers at its address",
            hint="switch it off first; or write its own disk again: seedvm node retry --yes-wipe",
        )
    return False


async def switch_off(
    cloud: Cloud, site: Site, order: Order, server: nova.Server, report: Report, seconds: float = OFF_SECONDS
) -> None:
    """The node's machine is off, or given up where its BMC is dead too. May be killed at any line and called again."""
    machine = next((one for one in await ironic.nodes(cloud, site.name) if one.instance == server.id), None)
    if machine is not None:
        report.log(f"powering off {machine.bmc}: its server is made again", node=order.node)
        if not await _off(cloud, machine, seconds):
            await _abandon(cloud, order, machine, report)


async def remove(cloud: Cloud, server: nova.Server) -> None:
    """The server is no more in Nova, and its machine is given back."""
    await nova.remove(cloud, server)

    asked = time.monotonic()

    async def gone() -> bool | NotYet:
        nonlocal asked
        left = [one for one in await nova.servers(cloud) if one.id == server.id]
        if left and left[0].status == "ERROR" and time.monotonic() - asked > _ASK_AGAIN_SECONDS:
            asked = time.monotonic()
            await nova.remove(cloud, server)
        return NotYet(f"{left[0].status} {left[0].fault}".strip()) if left else True

    await wait_for(
        gone,
        seconds=_GONE_SECONDS,
        what="Nova did not delete the server",
        machine=server.name,
        hint=f"openstack server show {server.id}; then run again",
        pause=_LOOK_EVERY,
    )


async def _off(cloud: Cloud, machine: ironic.Node, seconds: float) -> bool:
    """Whether the machine's BMC says that its power is off, after it was told so."""
    asked = -_ASK_AGAIN_SECONDS

    async def off() -> bool | NotYet:
        nonlocal asked
        if time.monotonic() - asked >= _ASK_AGAIN_SECONDS:
            asked = time.monotonic()
            await ironic.power(cloud, machine.id, "power off")
        now = await ironic.node(cloud, machine.id)
        return (now.power == "power off" and not now.reserved) or NotYet(now.error or now.power)

    try:
        return await wait_for(off, seconds=seconds, what="it stays on", pause=_LOOK_EVERY)
    except TimedOut:
        return False


async def conductor_gone(cloud: Cloud, node: str) -> None:
    """Wait until Ironic counts the node's conductor as dead: what it had is in another one's hands from then on."""

    async def gone() -> bool | NotYet:
        alive = {one.host for one in await ironic.conductors(cloud) if one.alive}
        return NotYet("it is counted as alive") if node in alive else True

    await wait_for(
        gone,
        seconds=_CONDUCTOR_SECONDS,
        what="Ironic still gives work to the conductor of a node that is off",
        machine=node,
        hint="openstack baremetal conductor list; then run again",
        pause=_LOOK_EVERY,
    )


async def _abandon(cloud: Cloud, order: Order, machine: ironic.Node, report: Report) -> None:
    """A machine whose BMC is dead too: Ironic would not let Nova's server go, so it is told that the machine has none."""
    if order.spare is None:
        raise SeedvmError(
            "the machine cannot be powered off",
            machine=order.node,
            why=f"its BMC {machine.bmc} does not do it",
            hint=f"replace it with a spare: seedvm node replace {order.node}",
        )
    report.log(
        f"{machine.bmc} does not power it off: unplug it, its address is given to {order.spare.bmc}", node=order.node
    )
    await ironic.keep_away(cloud, machine.id, f"replaced by {order.spare.bmc}; its BMC did not power it off")
    await ironic.let_go(cloud, machine.id)
