"""What is known of a running undercloud, as frozen types: pure, and the same for `--json`, pages and the screen.

Times are seconds since the epoch (UTC); what was not or could not be seen is None, and `why` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

SAMPLES = 90
EVERY_SECONDS = 10.0
"""A quarter hour of an API's answers: so many, so far apart."""
EVENTS = 200
"""Changes that a controller remembers."""


class Answered(NamedTuple):
    """One request to an API: when, how long its answer took in milliseconds, and whether it was one. A failure's `ms` is the wait."""

    at: float
    ms: float
    good: bool


@dataclass(frozen=True)
class ControllerChange:
    """Something that changed on a controller, or was seen from it; `bad` where it got worse."""

    at: float
    where: str
    what: str
    bad: bool = False


@dataclass(frozen=True)
class Database:
    """One member of Galera. `waiting` are transactions that it has received and not applied; `size` is bytes of all databases."""

    state: str
    component: str
    members: int
    seqno: int
    waiting: int = 0
    size: int | None = None


@dataclass(frozen=True)
class Backend:
    """One service of one member as this controller's HAProxy sees it; `seconds` since it is so, `ms` of the last check."""

    service: str
    member: str
    up: bool
    seconds: int
    ms: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Host:
    """The machine under a controller: processors, load (1 minute, oldest first), bytes of memory and of the state's disk."""

    cpus: int
    load: tuple[float, ...]
    memory: int
    memory_used: int
    disk: int
    disk_used: int
    booted: float
    clock: float | None = None
    """Seconds that the clock is ahead of its source; None where chrony has none or does not run."""


@dataclass(frozen=True)
class MemberSample:
    """What a controller last saw of itself, `at` its own clock. `missing` is service -> why it is not ready ("" where it is); `broken`
    is part -> why it could not be looked at. `apis` are its own, `through_vip` those of whoever holds the VIP."""

    host: str
    at: float
    vip: bool
    database: Database | None
    queue: tuple[str, ...] | None
    machine: Host
    missing: Mapping[str, str] = field(default_factory=dict)
    backends: tuple[Backend, ...] = ()
    apis: Mapping[str, tuple[Answered, ...]] = field(default_factory=dict)
    through_vip: Mapping[str, tuple[Answered, ...]] = field(default_factory=dict)
    changes: tuple[ControllerChange, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ControllerView:
    """A controller as the one that looks knows it: its sample, or why there is none and since when it has been away (None: not known)."""

    name: str
    address: str
    sample: MemberSample | None
    why: str = ""
    since: float | None = None
    here: bool = False


@dataclass(frozen=True)
class Machine:
    """A machine as Ironic knows it: `name` is the server's where it has one. `rack` and `u` are empty and None where nobody has said."""

    id: str
    name: str
    bmc: str
    state: str
    power: str
    server: str = ""
    serial: str = ""
    fault: str = ""
    unfit: str = ""
    kept_away: str = ""
    controller: bool = False
    rack: str = ""
    u: int | None = None

    @property
    def kind(self) -> str:
        """What it is good for now: broken, unfit, busy, in use, free."""
        if self.fault or self.kept_away:
            return "broken"
        if self.state == "active":
            return "in use"
        if self.unfit:
            return "unfit"
        return "free" if self.state == "available" else "busy"


@dataclass(frozen=True)
class Tenant:
    """A project and what it runs: servers by status, stacks by status."""

    name: str
    servers: Mapping[str, int]
    stacks: Mapping[str, int]


@dataclass(frozen=True)
class CloudView:
    """What the APIs answered; `silent` is what was asked -> why there is no answer."""

    machines: tuple[Machine, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    computes: Mapping[str, bool] = field(default_factory=dict)
    conductors: Mapping[str, bool] = field(default_factory=dict)
    agents: Mapping[str, bool] = field(default_factory=dict)
    images: int | None = None
    silent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceiptView:
    """The receipt on this controller: since when it stands and what it says; `why` where it is not to be believed."""

    time: str = ""
    verdict: str = ""
    may_leave: bool = False
    open: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Overview:
    """The undercloud in one moment, as seen from the controller `here`."""

    site: str
    at: float
    here: str
    vip: str
    members: tuple[ControllerView, ...]
    cloud: CloudView = field(default_factory=CloudView)
    receipt: ReceiptView = field(default_factory=ReceiptView)
    services: tuple[str, ...] = ()

    @property
    def holder(self) -> str:
        """The member that holds the VIP, empty where none of those that answer does."""
        return next((one.name for one in self.members if one.sample is not None and one.sample.vip), "")

    @property
    def samples(self) -> tuple[MemberSample, ...]:
        """Of the members that answer."""
        return tuple(one.sample for one in self.members if one.sample is not None)
