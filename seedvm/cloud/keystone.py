"""Which services the cloud's catalogue names and whether each one answers through the VIP. It refuses to change anything."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping

from seedvm.cloud.connection import Cloud, Refused, Unreachable

# A path that each service answers without a token, or with 401 where it wants one: both mean that it works.
_DOORS: Mapping[str, str] = {
    "keystone": "5000/v3",
    "glance": "9292/versions",
    "placement": "8778/",
    "nova": "8774/",
    "neutron": "9696/",
    "ironic": "6385/",
    "heat": "8004/",
}
SERVICES = tuple(_DOORS)


async def silent(vip: str, *, timeout: float = 5.0) -> tuple[str, ...]:
    """The services that do not answer through the VIP right now."""
    names = tuple(_DOORS)
    answered = await asyncio.gather(*(asyncio.to_thread(_answers, vip, _DOORS[name], timeout) for name in names))
    return tuple(name for name, ok in zip(names, answered, strict=True) if not ok)


async def admin_works(cloud: Cloud) -> bool:
    """Whether our login is good and the catalogue holds the project."""
    try:
        found = await cloud.get("identity", f"/projects?name={cloud.access.project}")
    except (Refused, Unreachable):
        return False
    return bool(found["projects"])


def _answers(vip: str, door: str, timeout: float) -> bool:
    port, _, path = door.partition("/")
    line = http.client.HTTPConnection(vip, int(port), timeout=timeout)
    try:
        line.request("GET", f"/{path}")
        return line.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
