"""`member status`: this controller's Galera, RabbitMQ, APIs at its own address, VIP, and when it was booted. Reads only."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.cloud.api import PORTS, Api
from seedvm.controller import galera, rabbit, vip

_API_SECONDS = 10.0


def status(request: Mapping[str, Any]) -> dict[str, Any]:
    """What is broken is told under `broken`, it fails nothing else.

    Request: optional parts (of galera, rabbit, apis, vip; by default all that can be looked at), address (this member's own: for
    apis), vip.
    """
    looks: dict[str, Callable[[], Any]] = {"galera": _galera, "rabbit": lambda: list(rabbit.running())}
    if "vip" in request:
        looks["holds_vip"] = lambda: vip.holds(request["vip"])
    if "address" in request:
        looks["apis"] = lambda: apis(Api(request["address"], timeout=_API_SECONDS))
    wanted = request.get("parts", list(looks))
    found: dict[str, Any] = {"host": socket.gethostname(), "booted": booted(), "broken": {}}
    for name, look in looks.items():
        if name not in wanted:
            continue
        try:
            found[name] = look()
        except SeedvmError as error:
            found["broken"][name] = str(error)
    return found


def _galera() -> dict[str, Any]:
    with galera.connect(timeout=10) as connection:
        said = galera.status(connection)
    return {**asdict(said), "healthy": said.healthy}


def apis(own: Api) -> dict[str, str]:
    """Service -> "up", or why not, as asked at this address."""
    found = {}
    for service in PORTS:
        try:
            answer = own.ask("GET", service, "/")
            found[service] = "up" if answer.status < 500 else f"HTTP {answer.status}"
        except SeedvmError as error:
            found[service] = str(error)
    return found


def booted(stat: Path = Path("/proc/1/stat")) -> str:
    """When process 1 started, in clock ticks of the host: another value is another boot (also of a container)."""
    return stat.read_text().rsplit(")", 1)[1].split()[19]
