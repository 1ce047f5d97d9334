"""What the undercloud's APIs say: machines, tenants with what they run, and who works for Nova, Ironic and Neutron. Reads only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud import ironic, nova
from seedvm.cloud.connection import Cloud
from seedvm.monitor import model
from seedvm.monitor.model import Machine, Tenant
from seedvm.site.model import Site, SiteMachine

T = TypeVar("T")
_SERVICE = "service"


async def look(cloud: Cloud, site: Site, *, seconds: float) -> model.CloudView:
    """Everything at once; who does not answer within `seconds` is named in `silent`."""
    silent: dict[str, str] = {}

    async def asked(name: str, work: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except TimeoutError:
            silent[name] = f"no answer within {seconds:g} s"
        except SeedvmError as error:
            silent[name] = error.why or error.what
        return ()

    machinery = asyncio.gather(
        asked("machines", lambda: ironic.nodes(cloud, site.name)),
        asked("servers", lambda: cloud.list_all("nova", "/servers/detail?all_tenants=1", "servers")),
        asked("computes", lambda: nova.services(cloud)),
        asked("conductors", lambda: ironic.conductors(cloud)),
    )
    work = asyncio.gather(
        asked("tenants", lambda: cloud.list_all("keystone", "/projects", "projects")),
        asked("stacks", lambda: cloud.list_all("heat", "/stacks?global_tenant=true", "stacks")),
        asked("agents", lambda: cloud.list_all("neutron", "/agents", "agents")),
        asked("images", lambda: cloud.list_all("glance", "/images", "images")),
    )
    (nodes, servers, computes, conductors), (projects, stacks, agents, images) = await machinery, await work
    return model.CloudView(
        machines=machines(nodes, servers, site),
        tenants=tenants(projects, servers, stacks),
        computes={one.host: one.up for one in computes if one.binary == "nova-compute"},
        conductors={one.host: one.alive for one in conductors},
        agents={one.text("host", ""): one.flag("alive") for one in agents},
        images=None if "images" in silent else len(images),
        silent=silent,
    )


def machines(nodes: Sequence[ironic.Node], servers: Sequence[Item], site: Site) -> tuple[Machine, ...]:
    """Ironic's nodes in the order in which they stand, with the names of their servers."""
    by_id = {one.text("id"): one.text("name", "") for one in servers}
    ours = {one.name for one in site.controllers}
    stands = {str(one.bmc): one for one in site.machines}
    found = [_machine(node, by_id.get(node.instance, ""), ours, stands.get(node.bmc)) for node in nodes]
    # As in the rack, from the top; machines of which nobody has said where they stand come after, by their BMCs' addresses.
    return tuple(sorted(found, key=lambda one: (one.u is None, one.rack, -(one.u or 0))))


def _machine(node: ironic.Node, server: str, ours: set[str], said: SiteMachine | None) -> Machine:
    failed = node.state in ironic.BROKEN or node.power in ("", "error")
    return Machine(
        id=node.id,
        name=node.name,
        bmc=node.bmc,
        state=node.state,
        power=node.power.removeprefix("power "),
        server=server,
        serial=str(node.root_device.get("serial", "")),
        fault=(node.error or f"{node.state}, power {node.power or 'unknown'}")
        if failed and not node.maintenance
        else "",
        unfit=node.unfit,
        kept_away=(node.kept_away or node.error or "maintenance") if node.maintenance else "",
        controller=server in ours,
        rack=(said.rack or "") if said else "",
        u=said.unit if said else None,
    )


def tenants(projects: Sequence[Item], servers: Sequence[Item], stacks: Sequence[Item]) -> tuple[Tenant, ...]:
    """Each project but the services' own, with what it runs."""
    running = _by_project(servers, "tenant_id", "status")
    made = _by_project(stacks, "project", "stack_status")
    return tuple(
        Tenant(one.text("name"), running.get(one.text("id"), {}), made.get(one.text("id"), {}))
        for one in sorted(projects, key=lambda one: one.text("name"))
        if one.text("name") != _SERVICE
    )


def _by_project(items: Sequence[Item], project: str, status: str) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, Counter[str]] = {}
    for one in items:
        found.setdefault(one.text(project, ""), Counter())[one.text(status, "UNKNOWN")] += 1
    return found
