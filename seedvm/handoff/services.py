"""What the services' own lists say: who is alive, what is in flight, which ids there are. Reads only.

It refuses no state of a service; the caller judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from seedvm.base.item import Item
from seedvm.cloud.client import Client
from seedvm.cloud.reply import Refused

_NOBODYS_MAC = "02:5e:ed:00:00:01"
_TASK = "OS-EXT-STS:task_state"
_FIELDS = "uuid,name,provision_state,target_power_state"
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
class ListedImage:
    """An image as Glance lists it: bytes, and its SHA-512 in hex."""

    id: str
    name: str
    size: int
    sha512: str


def alive(api: Client) -> dict[str, tuple[str, ...]]:
    """Kind of worker -> the hosts on which one is alive."""
    nova = [one for one in _nova(api) if one.text("state") == "up"]
    heat = [one for one in _heat(api) if one.text("status") == "up"]
    return {
        "ironic-conductor": conductors(api),
        "heat-engine": _hosts(heat, "hostname"),
        "nova-conductor": _hosts((one for one in nova if one.text("binary") == "nova-conductor"), "host"),
        "nova-scheduler": _hosts((one for one in nova if one.text("binary") == "nova-scheduler"), "host"),
        "nova-compute": _hosts((one for one in nova if one.text("binary") == "nova-compute"), "host"),
    }


def conductors(api: Client) -> tuple[str, ...]:
    """The hosts on which Ironic's conductor is alive."""
    return _hosts((one for one in _conductors(api) if one.flag("alive")), "hostname")


def known(api: Client, host: str) -> tuple[str, ...]:
    """Kinds of worker of which a service still lists one on this host, alive or not."""
    lists = {
        "nova": _hosts(_nova(api), "host"),
        "heat": _hosts(_heat(api), "hostname"),
        "ironic": _hosts(_conductors(api), "hostname"),
        "neutron": _hosts(api.list_all("neutron", "/agents", "agents"), "host"),
    }
    return tuple(sorted(kind for kind, hosts in lists.items() if host in hosts))


def _busy_stacks(api: Client) -> tuple[str, ...]:
    return tuple(
        f"stack {one.text('stack_name')} {one.text('stack_status')}"
        for one in _stacks(api, "show_nested=true&")
        if one.text("stack_status").endswith("IN_PROGRESS")
    )


def _busy_servers(api: Client) -> tuple[str, ...]:
    return tuple(
        f"server {one.text('name')} {one.text(_TASK, '') or one.text('status')}"
        for one in api.list_all("nova", "/servers/detail?all_tenants=1", "servers")
        if one.text("status") == "BUILD" or one.text(_TASK, "")
    )


def _busy_nodes(api: Client) -> tuple[str, ...]:
    listed = api.list_all("ironic", f"/nodes?fields={_FIELDS}", "nodes")
    return tuple(phrase for one in listed for phrase in _busy(one))


def _busy_images(api: Client) -> tuple[str, ...]:
    return tuple(f"image {_name(one)} {one.text('status')}" for one in _images(api) if one.text("status") != "active")


IN_FLIGHT = (_busy_stacks, _busy_servers, _busy_nodes, _busy_images)
"""What each service works on right now, a phrase each."""


def in_flight(api: Client) -> tuple[str, ...]:
    """Everything that is being worked on right now, a phrase each."""
    return tuple(phrase for part in IN_FLIGHT for phrase in part(api))


def images(api: Client) -> tuple[ListedImage, ...]:
    """Every image."""
    return tuple(
        ListedImage(one.text("id"), _name(one), one.number("size", 0), one.text("os_hash_value", ""))
        for one in _images(api)
    )


IDS: Mapping[str, Callable[[Client], dict[str, str]]] = {
    "stacks": lambda api: _named(_stacks(api), "stack_name", "id"),
    "servers": lambda api: _named(api.list_all("nova", "/servers?all_tenants=1", "servers"), "name", "id"),
    "nodes": lambda api: _named(api.list_all("ironic", "/nodes?fields=uuid,name", "nodes"), "name", "uuid"),
    "boot ports": lambda api: _named(api.list_all("ironic", "/ports?fields=uuid,address", "ports"), "address", "uuid"),
    "ports": lambda api: _named(
        api.list_all("neutron", "/ports?fields=id&fields=mac_address", "ports"), "mac_address", "id"
    ),
    "networks": lambda api: _named(
        api.list_all("neutron", "/networks?fields=id&fields=name", "networks"), "name", "id"
    ),
    "images": lambda api: _named(_images(api), "name", "id"),
}
"""Kind -> what there is of it, by name."""


def ids(api: Client) -> Ids:
    """What there is, by name."""
    return {kind: listed(api) for kind, listed in IDS.items()}


def idle_mac(api: Client) -> str:
    """The boot MAC of a machine that nobody uses, or one of nobody's: a running machine's must not be seen elsewhere on the wire."""
    idle = {
        one.text("uuid")
        for one in api.list_all("ironic", "/nodes?fields=uuid,provision_state,power_state", "nodes")
        if one.text("provision_state") != "active" and one.text("power_state", "") == "power off"
    }
    ports = api.list_all("ironic", "/ports?fields=address,node_uuid", "ports")
    return next((port.text("address") for port in ports if port.text("node_uuid") in idle), _NOBODYS_MAC)


def changed(before: Ids, after: Ids) -> tuple[str, ...]:
    """Every name whose id is another now, is gone, or is new."""
    found = []
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        found += [f"{kind} {name}" for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return tuple(found)


@dataclass(frozen=True)
class Lost:
    """What of before is not as it was, a phrase each: another id under the same name, and nothing under that name."""

    replaced: tuple[str, ...]
    gone: tuple[str, ...]


def lost(before: Ids, after: Ids) -> Lost:
    """Nothing of before may have changed or gone. What is new is no loss, also where it has the name of something of before."""
    replaced: list[str] = []
    gone: list[str] = []
    for kind in sorted(before):
        old, new = before[kind], after.get(kind, {})
        there = set(new.values())
        for name, one in sorted(old.items()):
            if one not in there:
                # A name that another one of before has kept its id under was not taken over by anything.
                (replaced if name in new and new[name] not in old.values() else gone).append(f"{kind} {name}")
    return Lost(tuple(replaced), tuple(gone))


def _stacks(api: Client, more: str = "") -> tuple[Item, ...]:
    """The stacks of every project; of our own alone where Heat's policy does not let an admin list them all."""
    try:
        return api.list_all("heat", f"/stacks?{more}global_tenant=true", "stacks")
    except Refused as error:
        if error.status != 403:
            raise
        return api.list_all("heat", f"/stacks?{more}".rstrip("?&"), "stacks")


def _nova(api: Client) -> tuple[Item, ...]:
    return api.list_all("nova", "/os-services", "services")


def _heat(api: Client) -> tuple[Item, ...]:
    return api.list_all("heat", "/services", "services")


def _conductors(api: Client) -> tuple[Item, ...]:
    return api.list_all("ironic", "/conductors", "conductors")


def _images(api: Client) -> tuple[Item, ...]:
    return api.list_all("glance", "/images", "images")


def _name(one: Item) -> str:
    return one.text("name", "") or one.text("id")


def _busy(node: Item) -> Iterator[str]:
    name, state = node.text("name", "") or node.text("uuid"), node.text("provision_state")
    if state not in _RESTING:
        yield f"node {name} {state}"
    if node.has("target_power_state"):
        yield f"node {name} power"


def _named(items: Iterable[Item], name: str, key: str) -> dict[str, str]:
    """Name -> id; things without a name of their own (or with one that is taken) go by their id."""
    found: dict[str, str] = {}
    for item in sorted(items, key=lambda item: item.text(key)):
        label = item.text(name, "") or item.text(key)
        found[label if label not in found else f"{label} {item.text(key)}"] = item.text(key)
    return found


def _hosts(items: Iterable[Item], key: str) -> tuple[str, ...]:
    return tuple(sorted({item.text(key).split(".", 1)[0] for item in items}))
