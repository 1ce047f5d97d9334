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
    found = await cloud.get("network", f"/networks?name={name}")
    return next((Network(one["id"], one["name"], tuple(one["subnets"])) for one in found["networks"]), None)
