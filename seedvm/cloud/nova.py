"""Nova and Placement: services, hypervisors, servers, flavor and key pair, room for a server. It refuses to start
servers, which is Heat's part, and to end one that ever ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from seedvm.base.errors import SeedvmError
from seedvm.cloud.connection import Cloud, Refused

RESOURCE_CLASS = "CUSTOM_BAREMETAL"


@dataclass(frozen=True)
class Service:
    """A Nova service; `up` is its heartbeat's word."""

    binary: str
    host: str
    up: bool


@dataclass(frozen=True)
class Server:
    """A server. `node` is the Ironic node's id (the hypervisor's name), empty until one was chosen; `created` is RFC 3339, UTC."""

    id: str
    name: str
    status: str
    node: str
    fault: str
    created: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Server:
        fault = said.get("fault") or {}
        node = said.get("OS-EXT-SRV-ATTR:hypervisor_hostname") or ""
        return cls(
            said["id"], said["name"], said["status"], node, str(fault.get("message", "")), str(said.get("created", ""))
        )


@dataclass(frozen=True)
class Flavor:
    id: str
    name: str
    specs: Mapping[str, str]


async def services(cloud: Cloud) -> tuple[Service, ...]:
    found = await cloud.get("compute", "/os-services")
    return tuple(Service(one["binary"], one["host"], one["state"] == "up") for one in found["services"])


async def hypervisors(cloud: Cloud) -> frozenset[str]:
    """The Ironic nodes that Nova knows through a mapped compute host, by id."""
    found = await cloud.get("compute", "/os-hypervisors")
    return frozenset(one["hypervisor_hostname"] for one in found["hypervisors"])


async def servers(cloud: Cloud) -> tuple[Server, ...]:
    """All servers, of all projects."""
    found = await cloud.get("compute", "/servers/detail?all_tenants=1")
    return tuple(Server.of(one) for one in found["servers"])


async def clear(cloud: Cloud, server: Server) -> None:
    """Take away a server that failed before it ran, so that its machine is free again."""
    if server.status not in ("ERROR", "BUILD"):
        raise SeedvmError(
            "a server that runs is not taken away",
            machine=server.name,
            why=server.status,
            hint="this is a fault of seedvm",
        )
    await cloud.ask("compute", "DELETE", f"/servers/{server.id}", missing_ok=True)


async def flavor(cloud: Cloud, name: str) -> Flavor | None:
    found = await cloud.get("compute", "/flavors/detail?is_public=None")
    return next(
        (Flavor(one["id"], one["name"], one.get("extra_specs", {})) for one in found["flavors"] if one["name"] == name),
        None,
    )


async def make_flavor(
    cloud: Cloud, name: str, *, disk_gib: int, memory_mib: int, cpus: int, specs: Mapping[str, str]
) -> None:
    """Make the flavor, or set right the specs of the one that is there."""
    there = await flavor(cloud, name)
    if there is None:
        wanted = {"name": name, "ram": memory_mib, "vcpus": cpus, "disk": disk_gib, "os-flavor-access:is_public": True}
        made = await cloud.ask("compute", "POST", "/flavors", {"flavor": wanted})
        there = Flavor(made["flavor"]["id"], name, {})
    if any(there.specs.get(key) != value for key, value in specs.items()):
        await cloud.ask("compute", "POST", f"/flavors/{there.id}/os-extra_specs", {"extra_specs": dict(specs)})


async def keypair(cloud: Cloud, name: str) -> str | None:
    """The public key of that name."""
    found = await cloud.get("compute", f"/os-keypairs/{quote(name)}", missing_ok=True)
    return str(found["keypair"]["public_key"]) if found else None


async def make_keypair(cloud: Cloud, name: str, public_key: str) -> None:
    try:
        await cloud.ask(
            "compute", "POST", "/os-keypairs", {"keypair": {"name": name, "type": "ssh", "public_key": public_key}}
        )
    except Refused as error:
        if error.status != 409:
            raise


async def room(cloud: Cloud, trait: str) -> frozenset[str]:
    """The Ironic nodes that Placement would give to a server which demands the trait, by id."""
    path = f"/allocation_candidates?resources={RESOURCE_CLASS}:1&required={trait}&limit=1000"
    try:
        found = await cloud.get("placement", path)
    except Refused as error:
        if error.status == 400:  # the resource class or the trait is unknown until the first node brought it
            return frozenset()
        raise
    return frozenset(found["provider_summaries"])
