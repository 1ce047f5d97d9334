"""Whether each service answers through the VIP, and whether Keystone knows our project and names them all. It only reads."""

from __future__ import annotations

import asyncio

from seedvm.cloud.connection import Cloud, Refused, Unreachable, in_thread
from seedvm.cloud.probe import ProbeAnswer, probe
from seedvm.services.load import installed
from seedvm.services.model import Api


async def silent(vip: str, *, seconds: float = 5.0) -> tuple[str, ...]:
    """The services that do not answer through the VIP right now."""
    apis = installed().apis
    heard = await asyncio.gather(*(_probe(vip, api, seconds) for api in apis.values()))
    return tuple(name for name, one in zip(apis, heard, strict=True) if not one.good)


async def admin_works(cloud: Cloud) -> bool:
    """Whether our login is good, the project is there, and the catalogue, which stock clients follow, names every service."""
    try:
        projects = await cloud.list_all("keystone", f"/projects?name={cloud.access.project}", "projects")
        catalogue = await cloud.list_all("keystone", "/auth/catalog", "catalog")
    except (Refused, Unreachable):
        return False
    named = {one.text("name", "") for one in catalogue}
    return bool(projects) and named >= set(installed().apis)


async def _probe(vip: str, api: Api, seconds: float) -> ProbeAnswer:
    return await in_thread(lambda: probe(vip, api.port, api.check, seconds=seconds))
