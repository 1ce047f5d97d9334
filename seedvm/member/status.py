"""`member status`: this controller's Galera, RabbitMQ, APIs at its own address, VIP, and when it was booted. Reads only."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.cloud.probe import probe
from seedvm.controller import galera, rabbit, vip
from seedvm.controller.boot import booted
from seedvm.services.load import installed

_API_SECONDS = 10.0
T = TypeVar("T")


@dataclass(frozen=True)
class StatusRequest:
    """Which `parts` (of galera, rabbit, apis, holds_vip; None: all that can be looked at).

    `address` is this member's own, apis are asked there; `vip` is the address that it may hold.
    """

    address: str | None = None
    vip: str | None = None
    parts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MemberStatus:
    """A part that was not looked at is None, and so is a broken one: `broken` says why, by part.

    `booted` is another value after another boot; `apis` says "up" or why not, by service; `clock` is this member's time when it was asked,
    in seconds since the epoch.
    """

    host: str
    booted: str
    broken: Mapping[str, str]
    galera: galera.GaleraStatus | None = None
    rabbit: tuple[str, ...] | None = None
    holds_vip: bool | None = None
    apis: Mapping[str, str] | None = None
    clock: float | None = None


def status(request: StatusRequest) -> MemberStatus:
    """What is broken is told under `broken`, it fails nothing else."""
    broken: dict[str, str] = {}

    def part(name: str, can: bool, look: Callable[[], T]) -> T | None:
        if not can or (request.parts is not None and name not in request.parts):
            return None
        try:
            return look()
        except SeedvmError as error:
            broken[name] = str(error)
            return None

    address, virtual = request.address or "", request.vip or ""
    return MemberStatus(
        clock=time.time(),
        host=socket.gethostname(),
        booted=booted(),
        broken=broken,
        galera=part("galera", True, _galera),
        rabbit=part("rabbit", True, rabbit.running),
        holds_vip=part("holds_vip", bool(virtual), lambda: vip.holds(virtual)),
        apis=part("apis", bool(address), lambda: apis(address)),
    )


def _galera() -> galera.GaleraStatus:
    with galera.connect(timeout=10) as connection:
        return galera.status(connection)


def apis(address: str) -> dict[str, str]:
    """Service -> "up", or why not, as asked at this address."""
    heard = {service: probe(address, port, seconds=_API_SECONDS) for service, port in installed().ports.items()}
    return {service: "up" if one.good else str(one) for service, one in heard.items()}
