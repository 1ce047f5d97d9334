"""The networks that the undercloud's servers stand on. It refuses to make any: the seed's bootstrap does."""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.cloud.connection import Cloud


@dataclass(frozen=True)
class Network:
    id: str
    name: str
    subnets: tuple[str, ...]


async def network(cloud: Cloud, name: str) -> Network | None:
    """The network of that name, with its subnets' ids."""
    found = await cloud.list_all("neutron", f"/networks?name={name}", "networks")
    return next((Network(one.text("id"), one.text("name"), one.texts("subnets")) for one in found), None)
