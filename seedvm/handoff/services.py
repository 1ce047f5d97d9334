"""What the services' own lists say: who is alive, what is in flight, which ids there are. Reads only.

It refuses no state of a service; the caller judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from seedvm.cloud.api import Api

_NOBODYS_MAC = "02:5e:ed:00:00:01"
# Ironic's states in which nobody works on a node (ironic/common/states.py).
_RESTING = frozenset(
    {
        *(
            "enroll",
            "manageable",
            "available",
            "active",
            "error",
            "rescue",
            "adopt failed",
            "clean failed",
            "deploy failed",
        ),
        *("inspect failed", "rescue failed", "unrescue failed", "service failed"),
    }
)


Ids: TypeAlias = Mapping[str, Mapping[str, str]]
"""Kind -> name -> id, of everything that must be the same after the hand-off."""


@dataclass(frozen=True)
class Image:
    """An image as Glance lists it: bytes, and its SHA-512 in hex."""

    id: str
    name: str
    size: int
    sha512: str


def alive(api: Api) -> dict[str, tuple[str, ...]]:
    """Kind of worker -> the hosts on which one is alive."""
    nova = [one for one in api.get("nova", "/v2.1/os-services")["services"] if one["state"] == "up"]
    heat = [one for one in api.get("heat", f"/v1/{api.project}/services")["services"] if one["status"] == "up"]
    conductors = [one for one in api.get("ironic", "/v1/conductors")["conductors"] if one["alive"]]
    return {
        "ironic-conductor": _hosts(conductors, "hostname"),
        "heat-engine": _hosts(heat, "hostname"),
        "nova-conductor": _hosts((one for one in nova if one["binary"] == "nova-conductor"), "host"),
        "nova-scheduler": _hosts((one for one in nova if one["binary"] == "nova-scheduler"), "host"),
        "nova-compute": _hosts((one for one in nova if one["binary"] == "nova-compute"), "host"),
    }


def known(api: Api, host: str) -> tuple[str, ...]:
    """Kinds of worker of which a service still lists one on this host, alive or not."""
    lists = {
        "nova": _hosts(api.get("nova", "/v2.1/os-services")["services"], "host"),
        "heat": _hosts(api.get("heat", f"/v1/{api.project}/services")["services"], "hostname"),
        "ironic": _hosts(api.get("ironic", "/v1/conductors")["conductors"], "hostname"),
        "neutron": _hosts(api.get("neutron", "/v2.0/agents")["agents"], "host"),
    }
    return tuple(sorted(kind for kind, hosts in lists.items() if host in hosts))


def in_flight(api: Api) -> tuple[str, ...]:
    """Everything that is being worked on right now, a phrase each."""
    stacks = api.get("heat", f"/v1/{api.project}/stacks?show_nested=true")["stacks"]
    servers = api.get("nova", "/v2.1/servers/detail?all_tenants=1")["servers"]
    nodes = api.get("ironic", "/v1/nodes?fields=uuid,name,provision_state,reservation,target_power_state")["nodes"]
    return (
        *(
            f"stack {one['stack_name']} {one['stack_status']}"
            for one in stacks
            if one["stack_status"].endswith("IN_PROGRESS")
        ),
        *(
            f"server {one['name']} {one['OS-EXT-STS:task_state'] or one['status']}"
            for one in servers
            if one["status"] == "BUILD" or one["OS-EXT-STS:task_state"]
        ),
        *(f"node {one['name']} {one['provision_state']}" for one in nodes if one["provision_state"] not in _RESTING),
        *(f"node {one['name']} power" for one in nodes if one["target_power_state"]),
        *(f"image {one['name']} {one['status']}" for one in _images(api) if one["status"] != "active"),
    )


def images(api: Api) -> tuple[Image, ...]:
    """Every image."""
    return tuple(
        Image(str(one["id"]), str(one["name"]), int(one["size"] or 0), str(one["os_hash_value"]))
        for one in _images(api)
    )


def ids(api: Api) -> Ids:
    """What there is, by name."""
    return {
        "stacks": _named(api.get("heat", f"/v1/{api.project}/stacks")["stacks"], "stack_name", "id"),
        "servers": _named(api.get("nova", "/v2.1/servers?all_tenants=1")["servers"], "name", "id"),
        "nodes": _named(api.get("ironic", "/v1/nodes?fields=uuid,name")["nodes"], "name", "uuid"),
        "boot ports": _named(api.get("ironic", "/v1/ports?fields=uuid,address")["ports"], "address", "uuid"),
        "ports": _named(api.get("neutron", "/v2.0/ports?fields=id&fields=mac_address")["ports"], "mac_address", "id"),
        "networks": _named(api.get("neutron", "/v2.0/networks?fields=id&fields=name")["networks"], "name", "id"),
        "images": _named(_images(api), "name", "id"),
    }


def idle_mac(api: Api) -> str:
    """The boot MAC of a machine that nobody uses, or one of nobody's: a running machine's must not be seen elsewhere on the wire."""
    nodes = api.get("ironic", "/v1/nodes?fields=uuid,provision_state,power_state")["nodes"]
    idle = {one["uuid"] for one in nodes if one["provision_state"] != "active" and one["power_state"] == "power off"}
    ports = api.get("ironic", "/v1/ports?fields=address,node_uuid")["ports"]
    return next((str(port["address"]) for port in ports if port["node_uuid"] in idle), _NOBODYS_MAC)


def changed(before: Ids, after: Ids) -> tuple[str, ...]:
    """Every name whose id is another now, is gone, or is new."""
    found = []
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        found += [f"{kind} {name}" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return tuple(found)


def _images(api: Api) -> Iterable[Mapping[str, Any]]:
    return list(api.get("glance", "/v2/images?limit=1000")["images"])


def _named(items: Iterable[Mapping[str, Any]], name: str, key: str) -> dict[str, str]:
    """Name -> id; things without a name of their own (or with one that is taken) go by their id."""
    found: dict[str, str] = {}
    for item in sorted(items, key=lambda item: str(item[key])):
        label = str(item[name] or item[key])
        found[label if label not in found else f"{label} {item[key]}"] = str(item[key])
    return found


def _hosts(items: Iterable[Mapping[str, Any]], key: str) -> tuple[str, ...]:
    return tuple(sorted({str(item[key]).split(".", 1)[0] for item in items}))
