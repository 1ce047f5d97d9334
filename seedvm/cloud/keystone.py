"""Whether each service answers through the VIP, and whether Keystone knows our project and names them all. It only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from seedvm.cloud.client import PORTS
from seedvm.cloud.connection import Cloud, Refused, Unreachable, in_thread
from seedvm.cloud.probe import Heard, probe

# A path that each service answers without a token, or with 401 where it wants one: both mean that it works.
_PATHS: Mapping[str, str] = {"keystone": "/v3", "glance": "/versions"}
SERVICES = tuple(PORTS)


async def silent(vip: str, *, seconds: float = 5.0) -> tuple[str, ...]:
    """The services that do not answer through the VIP right now."""
    heard = await asyncio.gather(*(_probe(vip, name, seconds) for name in SERVICES))
    return tuple(name for name, one in zip(SERVICES, heard, strict=True) if not one.good)


async def admin_works(cloud: Cloud) -> bool:
    """Whether our login is good, the project is there, and the catalogue, which stock clients follow, names every service."""
    try:
        projects = await cloud.list_all("keystone", f"/projects?name={cloud.access.project}", "projects")
        catalogue = await cloud.list_all("keystone", "/auth/catalog", "catalog")
    except (Refused, Unreachable):
        return False
    named = {one.text("name", "") for one in catalogue}
    return bool(projects) and named >= set(SERVICES)


async def _probe(vip: str, service: str, seconds: float) -> Heard:
    return await in_thread(lambda: probe(vip, PORTS[service], _PATHS.get(service, "/"), seconds=seconds))
