"""What still names the seed: in the cloud's own lists, and on each controller. Each place is a doubt that keeps the seed here.

A cloud that asks a machine which is gone works until it needs the answer. It refuses to show what stands there: user data, templates and
configuration hold passwords.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from seedvm.base.item import Item
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.cloud.reply import Refused
from seedvm.handoff.members import Members
from seedvm.member import verbs
from seedvm.member.references import Reference, ReferencesRequest, names_address
from seedvm.site.doubts import COMMAND, Doubt

_SUBNET = ("gateway_ip", "dns_nameservers", "host_routes", "allocation_pools")
_NOT_FOUND = 404


async def scan(members: Members) -> tuple[Doubt, ...]:
    """A doubt for each place that names the seed; the controllers that are silent are doubts of their own."""
    seed = members.seed
    api = await members.login()
    found = [("", one) for one in await in_thread(lambda: tuple(_in_cloud(api, seed.address, seed.name)))]
    request = ReferencesRequest(seed.address, seed.name)
    said = await members.ask_most(verbs.REFERENCES, request, timeout=120)
    found += [(name, one) for name, places in said.items() for one in places]
    return tuple(_doubts(found))


def _doubts(found: Iterable[tuple[str, Reference]]) -> Iterator[Doubt]:
    """One doubt for each place of each machine, however often it names the seed."""
    places: dict[tuple[str, str], list[str]] = {}
    for machine, one in found:
        places.setdefault((machine, one.place), []).append(one.what)
    for (machine, place), what in places.items():
        words = [part for part in (machine, *re.split(r"[^\w.]+", place)) if part]
        name = "-".join(["refers", *words])
        yield Doubt(
            name,
            f"{f'{machine}: ' if machine else ''}{place} still names the seed ({', '.join(sorted(what))})",
            machine,
            "the undercloud would ask a machine that has left",
            f"correct it and run again, or: {COMMAND} {name}",
        )


def _in_cloud(api: Client, address: str, name: str) -> Iterator[Reference]:
    """Endpoints, networks, Ironic's nodes, servers and stacks."""

    def mentions(value: object) -> bool:
        text = value if isinstance(value, str) else json.dumps(value)
        return (
            names_address(text, address)
            or re.search(rf"//(?:[^/@\s]*@)?{re.escape(name)}(?=[:/\"]|$)", text) is not None
        )

    for place, fields in _listed(api):
        for field, value in fields.items():
            if value and mentions(value):
                yield Reference(place, field)


def _listed(api: Client) -> Iterator[tuple[str, Mapping[str, object]]]:
    for one in _optional(api, "keystone", "/endpoints", "endpoints"):
        yield f"endpoint {one.text('interface', '')} {one.text('id')}", {"url": one.text("url", "")}
    for one in _optional(api, "neutron", "/subnets", "subnets"):
        yield f"subnet {_name(one)}", {key: one.tree.get(key) for key in _SUBNET}
    for one in _optional(api, "neutron", "/ports", "ports"):
        yield f"port {one.text('id')}", {"extra_dhcp_opts": one.tree.get("extra_dhcp_opts")}
    for one in _optional(api, "neutron", "/routers", "routers"):
        yield f"router {_name(one)}", {"routes": one.tree.get("routes")}
    for one in _optional(api, "ironic", "/nodes?fields=uuid,name,driver_info", "nodes"):
        yield f"node {_name(one, 'uuid')}", one.item("driver_info").tree
    for one in _optional(api, "nova", "/servers/detail?all_tenants=1", "servers"):
        fields = {"metadata": one.tree.get("metadata"), "user data": _user_data(one)}
        yield f"server {_name(one)}", fields
    for one in _optional(api, "heat", "/stacks", "stacks"):
        shown = api.get("heat", f"/stacks/{one.text('stack_name')}/{one.text('id')}?resolve_outputs=false").item(
            "stack"
        )
        yield f"stack {one.text('stack_name')}", {"parameters": shown.tree.get("parameters")}
    for one in _optional(api, "heat", "/software_deployments", "software_deployments"):
        yield f"deployment {one.text('id')}", {"signal": one.tree.get("input_values")}


def _optional(api: Client, service: str, path: str, key: str) -> tuple[Item, ...]:
    """A list, or nothing where this cloud has no such resource."""
    try:
        return api.list_all(service, path, key)
    except Refused as error:
        if error.status != _NOT_FOUND:
            raise
        return ()


def _user_data(server: Item) -> str:
    raw = server.text("OS-EXT-SRV-ATTR:user_data", "")
    try:
        return base64.b64decode(raw, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return raw


def _name(one: Item, key: str = "id") -> str:
    return one.text("name", "") or one.text(key)
