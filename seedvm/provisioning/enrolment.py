"""From a machine's node in Ironic to a managed one: its port, and Ironic's own proof that the BMC obeys.

It refuses to give a node a MAC that another one has.
"""

from __future__ import annotations

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.cloud import ironic
from seedvm.cloud.connection import Cloud, Refused

NETWORK = "provisioning"
UNMANAGED = ("enroll", "verifying")
_MANAGE_SECONDS = 240.0
_MANAGE_TRIES = 3
_LOOK_EVERY = 2.0


async def add_port_once(cloud: Cloud, node: ironic.Node, mac: str) -> None:
    """The port, unless it is there; a MAC that another node has is a contradiction that is told."""
    if mac in await ironic.ports(cloud, node.id):
        return
    try:
        await ironic.add_port(cloud, node.id, mac, NETWORK)
    except Refused as error:
        raise SeedvmError(
            f"Ironic rejected the port {mac}",
            machine=node.name,
            why=error.why,
            hint="check whether two machines claim this MAC",
        ) from error


async def manage(cloud: Cloud, node: ironic.Node) -> ironic.Node:
    """enroll -> manageable: Ironic's own proof that the BMC obeys. A busy BMC gets three tries."""
    tries = 0

    async def managed() -> ironic.Node | NotYet:
        nonlocal tries
        now = await ironic.node(cloud, node.id)
        if now.state not in UNMANAGED:
            return now
        if now.state == "enroll" and not now.reserved:
            if tries == _MANAGE_TRIES:
                raise SeedvmError(
                    "Ironic cannot manage the machine",
                    machine=now.name,
                    why=now.error,
                    hint="check its BMC, then run again",
                )
            tries += 1
            await ironic.provision(cloud, node.id, "manage")
        return NotYet(now.error or now.state)

    return await wait_for(
        managed,
        seconds=_MANAGE_SECONDS,
        what="Ironic did not finish verifying the node",
        machine=node.name,
        hint="run again",
        pause=_LOOK_EVERY,
        passing=NO_ERROR,
    )
