"""The few orders that `seedvm top` gives for a machine, through Ironic. It refuses controllers: no key switches the undercloud off."""

from __future__ import annotations

from collections.abc import Mapping

from seedvm.base.errors import SeedvmError
from seedvm.cloud import ironic, nova
from seedvm.cloud.connection import Cloud
from seedvm.cloud.ironic import Node
from seedvm.site.model import Site

_NEXT: Mapping[str, tuple[str, str]] = {
    "enroll": ("manage", "Ironic proves its BMC's account again; once it is manageable, retry makes it available"),
    "inspect failed": ("manage", "once it is manageable, retry makes it available"),
    "clean failed": ("manage", "once it is manageable, retry makes it available"),
    "manageable": ("provide", "Ironic cleans it and makes it available"),
    "error": ("deleted", "Ironic ends what failed on it and makes it available"),
    "deploy failed": ("deleted", "Ironic ends what failed on it and makes it available"),
}


async def retry(cloud: Cloud, site: Site, name: str) -> str:
    """Try a machine again that failed or that was kept out by us; what was asked of Ironic."""
    node = await _node(cloud, site, name)
    if node.maintenance:
        if not await ironic.take_back(cloud, node):
            raise SeedvmError(
                f"{node.name} is in maintenance by another's order",
                why=node.kept_away,
                hint=f"openstack baremetal node maintenance unset {node.id}",
            )
        if node.state not in _NEXT:
            return f"{node.name}: its maintenance is over; Ironic reads its power again"
    if node.state not in _NEXT:
        raise SeedvmError(f"{node.name} has not failed", why=f"it is {node.state}", hint="nothing needs to be done")
    verb, follows = _NEXT[node.state]
    if verb == "deleted" and node.instance:
        raise SeedvmError(
            f"{node.name} still has a server", why=node.instance, hint=f"openstack server delete {node.instance}"
        )
    await ironic.provision(cloud, node.id, verb)
    return f"{node.name}: {follows}"


async def power(cloud: Cloud, site: Site, name: str, turn: str) -> str:
    """Switch a machine `on` or `off`."""
    node = await _node(cloud, site, name)
    await ironic.power(cloud, node.id, f"power {turn}")
    return f"{node.name}: Ironic switches it {turn}"


async def _node(cloud: Cloud, site: Site, name: str) -> Node:
    listed = await ironic.nodes(cloud, site.name)
    node = next((one for one in listed if name in (one.id, one.name, one.bmc)), None)
    if node is None:
        raise SeedvmError(
            f"Ironic knows no machine {name} of this site", hint="use a name that seedvm top --once shows"
        )
    ours = {one.name for one in site.controllers}
    server = next((one for one in await nova.servers(cloud) if one.id == node.instance), None)
    if server is not None and server.name in ours:
        raise SeedvmError(
            f"{node.name} runs {server.name}, a controller of the undercloud", hint="log in to it instead"
        )
    return node
