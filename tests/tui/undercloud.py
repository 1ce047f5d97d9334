"""Running undercloud for the screen of `seedvm top`: overviews as the collector gives them, of figures that are the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from seedvm.base.errors import SeedvmError
from seedvm.monitor.model import (
    Answered,
    Backend,
    CloudView,
    ControllerChange,
    ControllerView,
    Database,
    Host,
    Machine,
    MemberSample,
    Overview,
    ReceiptView,
    Tenant,
)

AT = 1893575560.0  # 2030-01-02 09:12:40 UTC
SERVICES = ("keystone", "glance", "placement", "nova", "neutron", "ironic", "heat")
GIB = 1 << 30


def answers(base: float, *, slow: int = 70, lost: int = -1) -> tuple[Answered, ...]:
    """A quarter hour of answers around `base` milliseconds, a slow minute, a lost one where wanted."""
    return tuple(
        Answered(AT - (90 - n) * 10, base * (3.0 if slow <= n < slow + 5 else 1 + n * 7 % 11 / 20), n != lost)
        for n in range(90)
    )


def sample(number: int, *, vip: bool = False, load: float = 0.4) -> MemberSample:
    """A healthy controller's."""
    names = [f"demo-undercloud-{n}" for n in range(3)]
    return MemberSample(
        host=names[number],
        at=AT - 3,
        vip=vip,
        database=Database("Synced", "Primary", 3, 7522, 0, 240_000_000),
        queue=tuple(names),
        machine=Host(
            4, tuple(load * (1 + n * 5 % 7 / 6) for n in range(90)), 3 * GIB, int((1.9 + vip * 0.3) * GIB), 12 * GIB,
            int(3.7 * GIB), AT - 7000, (2 - number) / 1000,
        ),
        missing=dict.fromkeys(SERVICES, ""),
        backends=tuple(Backend(name, one, True, 4000, 7) for name in SERVICES for one in names),
        apis={name: answers(20 + 9 * n + number) for n, name in enumerate(SERVICES)},
        through_vip={name: answers(25 + 11 * n) for n, name in enumerate(SERVICES)},
        changes=(ControllerChange(AT - 2800, names[number], "holds the VIP now" if vip else "keystone is ready again"),),
    )  # fmt: skip


def machines() -> tuple[Machine, ...]:
    """Seven of them, of every kind."""

    def one(n: int, state: str, power: str, server: str = "", **more: str) -> Machine:
        return Machine(
            f"0a1b2c3d-0000-4000-8000-0000000000{n}", f"demo-1-{n}", f"172.22.1.{n}", state, power, server,
            serial=f"QM000{n}", controller="undercloud" in server, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    return (
        one(21, "available", "", kept_away="no power since 08:08: the BMC says power supply is dead"),
        one(22, "active", "on", "demo-undercloud-1"),
        one(23, "active", "on", "demo-undercloud-2"),
        one(24, "active", "on", "demo-undercloud-0"),
        one(25, "active", "on", "demo-spare-0"),
        one(26, "manageable", "off", unfit="its disk of 8 GiB is smaller than 12 GiB"),
        one(27, "available", "off"),
    )


def healthy() -> Overview:
    """Three controllers, seven machines, nothing broken but one machine."""
    members = tuple(
        ControllerView(f"demo-undercloud-{n}", f"172.22.0.{11 + n}", sample(n, vip=n == 0), here=n == 0)
        for n in range(3)
    )
    cloud = CloudView(
        machines=machines(),
        tenants=(Tenant("admin", {"ACTIVE": 4}, {"UPDATE_COMPLETE": 1}), Tenant("overcloud", {}, {})),
        computes={"undercloud": True},
        conductors={one.name: True for one in members},
        agents={"undercloud": True},
        images=3,
    )
    receipt = ReceiptView("2030-01-02T08:25:27+00:00", "the seed may leave", may_leave=True)
    return Overview("demo", AT, "demo-undercloud-0", "172.22.0.5", members, cloud, receipt, SERVICES)


def one_down() -> Overview:
    """The third controller is away since twelve minutes, and an API lost a request."""
    seen = healthy()
    first, second, third = seen.members
    assert first.sample and second.sample
    gone = tuple(
        replace(one, up=False, seconds=720) if one.member == third.name else one for one in first.sample.backends
    )
    changed = (
        *first.sample.changes,
        ControllerChange(AT - 720, third.name, f"7 services down, as {first.name} sees it", True),
    )
    here = replace(
        first.sample,
        backends=gone,
        changes=changed,
        database=Database("Synced", "Primary", 2, 7522, 0, 240_000_000),
        queue=(first.name, second.name),
        through_vip={**first.sample.through_vip, "nova": answers(60, lost=20)},
    )
    there = replace(second.sample, database=Database("Synced", "Primary", 2, 7521), queue=(first.name, second.name))
    away = replace(third, sample=None, why="No route to host", since=AT - 720)
    return replace(seen, members=(replace(first, sample=here), replace(second, sample=there), away))


def large(count: int = 1000) -> Overview:
    """As many machines."""
    seen = healthy()
    many = tuple(
        Machine(
            f"id-{n:04}",
            f"demo-{n // 250}-{n % 250:03}",
            f"10.0.{n // 250}.{n % 250 + 1}",
            "available",
            "off",
            serial=f"S{n}",
        )
        for n in range(count)
    )
    return replace(seen, cloud=replace(seen.cloud, machines=many))


class Told:
    """A feed that was written down before; `orders` are those that came, a refusal is what `refuses` says."""

    def __init__(self, *told: Overview | str, refuses: str = "") -> None:
        self.waiting: asyncio.Queue[Overview | str] = asyncio.Queue()
        for one in told:
            self.waiting.put_nowait(one)
        self.orders: list[tuple[str, ...]] = []
        self.refuses = refuses

    async def follow(self) -> AsyncIterator[Overview | str]:
        while True:
            yield await self.waiting.get()

    async def order(self, *words: str) -> str:
        self.orders.append(words)
        if self.refuses:
            raise SeedvmError("refused", why=self.refuses)
        return f"{words[1]}: asked"
