"""What elements declare of their services, and what is derived from all of them together. Pure: reads no file, starts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from seedvm.base.errors import SeedvmError

Role: TypeAlias = Literal["worker", "vip", "server", "database"]
"""What a unit does, in the order in which a seed gives up its units: `worker` acts unasked (boots machines, drives BMCs, works on
stacks) and is silent after FENCE; `vip` holds the VIP until COMMIT; `server` answers requests until OWN; `database` is the member of
Galera, stopped when the seed leaves."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Api:
    """A REST API behind the VIP: TCP port, `path` that the catalogue's URL adds to it, catalogue `type` (the service's name is the
    catalogue's name), and `check`, a path that is answered below 500 without a login."""

    port: int
    type: str
    path: str
    check: str


@dataclass(frozen=True)
class Unit:
    """A systemd unit, its suffix included. `stop` is its place among the units of its role when a seed gives them up, lowest first.

    `awaited`: a configuration run ends well only when it is active. `with_vip`: it runs on the holder of the VIP alone. `at_boot`: it
    starts at boot, not configured by os-refresh-config."""

    name: str
    role: Role
    stop: int
    awaited: bool
    with_vip: bool
    at_boot: bool


@dataclass(frozen=True)
class Service:
    """One service: its element's name and place among the services, lowest first.

    `masked` are units of its packages that must never start. `fenced_ports` (name -> TCP port) are those on which a machine that
    boots, or another conductor, would find this controller: silent after FENCE."""

    name: str
    order: int
    api: Api | None
    databases: tuple[str, ...]
    units: tuple[Unit, ...]
    masked: tuple[str, ...]
    fenced_ports: dict[str, int]


@dataclass(frozen=True)
class Services:
    """All services of a controller, in their order."""

    everyone: tuple[Service, ...]

    def __iter__(self) -> Iterator[Service]:
        return iter(self.everyone)

    @property
    def apis(self) -> dict[str, Api]:
        """Service -> its API, for those that have one."""
        return {one.name: one.api for one in self.everyone if one.api is not None}

    @property
    def ports(self) -> dict[str, int]:
        """Service -> TCP port of its API."""
        return {name: api.port for name, api in self.apis.items()}

    @property
    def databases(self) -> tuple[str, ...]:
        """Every service's databases, sorted."""
        return tuple(sorted(name for one in self.everyone for name in one.databases))

    @property
    def fenced_ports(self) -> tuple[int, ...]:
        """TCP ports that are silent after FENCE, sorted."""
        return tuple(sorted(port for one in self.everyone for port in one.fenced_ports.values()))

    def units(self, role: Role) -> tuple[str, ...]:
        """The units of a role, in the order in which a seed gives them up."""
        found = [unit for one in self.everyone for unit in one.units if unit.role == role]
        return tuple(unit.name for unit in sorted(found, key=lambda unit: unit.stop))

    def service(self, name: str) -> Service:
        """The service of this name."""
        found = next((one for one in self.everyone if one.name == name), None)
        if found is None:
            raise SeedvmError(f"no element declares the service {name}", hint=f"add elements/{name}/service.yaml")
        return found


def contradictions(services: Iterable[Service]) -> list[str]:
    """What two declarations claim alike, or what none of them declares; a sentence each."""
    everyone = tuple(services)
    claims: dict[str, list[str]] = {}
    for one in everyone:
        for claim in _claims(one):
            claims.setdefault(claim, []).append(one.name)
    found = [f"{' and '.join(names)} both declare {claim}" for claim, names in claims.items() if len(names) > 1]
    roles = {unit.role for one in everyone for unit in one.units}
    return found + [f"no element declares a unit with role {role}" for role in ROLES if role not in roles]


def _claims(service: Service) -> Iterator[str]:
    """Everything that belongs to one service alone."""
    yield f"order {service.order}"
    if service.api is not None:
        yield f"port {service.api.port}"
        yield f"catalogue type {service.api.type}"
    yield from (f"port {port}" for port in service.fenced_ports.values())
    yield from (f"database {name}" for name in service.databases)
    yield from (f"unit {name}" for name in service.masked)
    for unit in service.units:
        yield f"unit {unit.name}"
        yield f"stop {unit.stop} for role {unit.role}"
