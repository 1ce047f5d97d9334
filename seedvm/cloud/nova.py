"""Nova and Placement: services, hypervisors, servers, flavor and key pair, room for a server. It refuses to start
servers, which is Heat's part, and to end one that ever ran but
by `remove`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud.connection import Cloud, Refused
from seedvm.foreign.text import shown

RESOURCE_CLASS = "CUSTOM_BAREMETAL"


@dataclass(frozen=True)
class NovaService:
    """A Nova service; `up` is its heartbeat's word."""

    binary: str
    host: str
    up: bool


@dataclass(frozen=True)
class Server:
    """A server. `node` is the Ironic node's id (the hypervisor's name), empty until one was chosen; `created` is RFC 3339, UTC; `image` is
    the image's id."""

    id: str
    name: str
    status: str
    node: str
    fault: str
    created: str = ""
    image: str = ""

    @property
    def made(self) -> bool:
        """Its disk was written: it runs, or is off."""
        return self.status not in ("ERROR", "BUILD")

    @classmethod
    def of(cls, said: Item) -> Server:
        return cls(
            id=said.text("id"),
            name=said.text("name"),
            status=said.text("status"),
            node=said.text("OS-EXT-SRV-ATTR:hypervisor_hostname", ""),
            fault=shown(said.item("fault").text("message", ""), 1000),
            created=said.text("created", ""),
            image=said.item("image").text("id", ""),
        )


@dataclass(frozen=True)
class Flavor:
    id: str
    name: str
    specs: Mapping[str, str]

    @classmethod
    def of(cls, said: Item) -> Flavor:
        specs = said.item("extra_specs")
        return cls(said.text("id"), said.text("name"), {key: specs.text(key, "") for key in specs.tree})


async def services(cloud: Cloud) -> tuple[NovaService, ...]:
    found = await cloud.list_all("nova", "/os-services", "services")
    return tuple(NovaService(one.text("binary"), one.text("host"), one.text("state") == "up") for one in found)


async def hypervisors(cloud: Cloud) -> frozenset[str]:
    """The Ironic nodes that Nova knows through a mapped compute host, by id."""
    found = await cloud.list_all("nova", "/os-hypervisors", "hypervisors")
    return frozenset(one.text("hypervisor_hostname") for one in found)


async def servers(cloud: Cloud) -> tuple[Server, ...]:
    """All servers, of all projects."""
    return tuple(map(Server.of, await cloud.list_all("nova", "/servers/detail?all_tenants=1", "servers")))


async def clear(cloud: Cloud, server: Server) -> None:
    """Take away a server that failed before it ran, so that its machine is free again."""
    if server.status not in ("ERROR", "BUILD"):
        raise SeedvmError(
            "refusing to delete a running server",
            machine=server.name,
            why=server.status,
            hint="this is a bug in seedvm; please report it",
        )
    await cloud.delete("nova", f"/servers/{server.id}")


async def remove(cloud: Cloud, server: Server) -> None:
    """Delete a server that ran: its machine is dead, or the operator has confirmed that its disk is written again."""
    if await cloud.find("nova", f"/servers/{server.id}") is not None:
        await cloud.delete("nova", f"/servers/{server.id}")


async def flavor(cloud: Cloud, name: str) -> Flavor | None:
    found = await cloud.list_all("nova", "/flavors/detail?is_public=None", "flavors")
    return next((one for one in map(Flavor.of, found) if one.name == name), None)


async def make_flavor(
    cloud: Cloud, name: str, *, disk_gib: int, memory_mib: int, cpus: int, specs: Mapping[str, str]
) -> None:
    """Make the flavor, or set right the specs of the one that is there."""
    there = await flavor(cloud, name)
    if there is None:
        wanted = {"name": name, "ram": memory_mib, "vcpus": cpus, "disk": disk_gib, "os-flavor-access:is_public": True}
        made = await cloud.send("POST", "nova", "/flavors", {"flavor": wanted})
        there = Flavor(made.item("flavor").text("id"), name, {})
    if any(there.specs.get(key) != value for key, value in specs.items()):
        await cloud.send("POST", "nova", f"/flavors/{there.id}/os-extra_specs", {"extra_specs": dict(specs)})


async def keypair(cloud: Cloud, name: str) -> str | None:
    """The public key of that name."""
    found = await cloud.find("nova", f"/os-keypairs/{quote(name)}")
    return found.item("keypair").text("public_key") if found else None


async def make_keypair(cloud: Cloud, name: str, public_key: str) -> None:
    try:
        wanted = {"name": name, "type": "ssh", "public_key": public_key}
        await cloud.send("POST", "nova", "/os-keypairs", {"keypair": wanted})
    except Refused as error:
        if error.status != 409:
            raise


async def room(cloud: Cloud, trait: str) -> frozenset[str]:
    """The Ironic nodes that Placement would give to a server which demands the trait, by id."""
    path = f"/allocation_candidates?resources={RESOURCE_CLASS}:1&required={trait}"
    try:
        found = await cloud.get("placement", path)
        return frozenset(found.item("provider_summaries").tree)
    except Refused as error:
        if error.status == 400:  # the resource class or the trait is unknown until the first node brought it
            return frozenset()
        raise
