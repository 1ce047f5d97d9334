"""Learns boot MACs from the machines' own DHCP requests: powers dark machines on, listens, powers them off again.

A request belongs to a machine only if the UUID in it can be no other machine's. Where a BMC gives no UUID, its machine is powered on
alone, twice: the one MAC that asks both times, and never while the machine is dark, is its own. Refuses machines that run: nobody's work
is interrupted for a MAC. Listening and matching are given by the caller,
and which machines may be powered on, and off again, is decided by seedvm.bmc.power.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from seedvm.base.errors import SeedvmError
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.power import PATIENCE, NotSwitched, Patience, Power, no_mark, redfish_power, start_dark
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines.each import MachineRemark, each

QUIET_SECONDS = 10.0  # who asks while the machine is dark is somebody else
SETTLE_SECONDS = 5.0  # whoever else asks beside the first one makes it doubtful
LEARN_SECONDS = 600.0  # a server with much memory takes minutes to its first DHCP request


class Switch(Protocol):
    """The power of one machine. `mark` of those below is called right before power on, so that a killed run leaves word of it."""

    async def power(self) -> Power: ...

    async def start(self) -> None:
        """Power on, to boot from the network, as seedvm.bmc.power.start_dark does it. Raises NotSwitched where it is not dark."""

    async def stop(self) -> None:
        """Power off what `start` powered on, and see it off."""


class IpmiSwitch:
    """Over IPMI, at the pace that is kept with everybody else who asks this BMC."""

    def __init__(self, bmc: IpmiBmc, pace: RateLimit, mark: Callable[[], None] = no_mark) -> None:
        self._bmc = bmc
        self._mark = mark
        self._pace = pace

    async def power(self) -> Power:
        async with self._pace.turn(self._bmc.address):
            return await self._bmc.power()

    async def start(self) -> None:
        async with self._pace.turn(self._bmc.address):
            await self._bmc.start_from_network(self._mark)

    async def stop(self) -> None:
        async with self._pace.turn(self._bmc.address):
            await self._bmc.set_power("off")


class RedfishSwitch:
    """Over Redfish, each verb in a session of its own."""

    def __init__(self, bmc: RedfishBmc, path: str, mark: Callable[[], None] = no_mark) -> None:
        self._bmc = bmc
        self._mark = mark
        self._path = path

    async def power(self) -> Power:
        async with self._bmc.session():
            return redfish_power((await self._bmc.get(self._path)).get("PowerState"))

    async def boot_from_network(self) -> None:
        with contextlib.suppress(SeedvmError):  # the order of the firmware does as well
            await self._bmc.boot_from_network(self._path)

    async def boot_as_set(self) -> None:
        boot = {"Boot": {"BootSourceOverrideEnabled": "Disabled"}}
        await self._bmc.request("PATCH", self._path, boot)

    async def power_on(self) -> None:
        await self._bmc.start(self._path)

    async def start(self) -> None:
        async with self._bmc.session():
            await start_dark(self._bmc.address, self, self._mark)

    async def stop(self) -> None:
        await self._bmc.set_power(self._path, "off")


class BootRequests:
    """Requests as they come in: which machine, which MAC. A MAC that two machines claim is nobody's."""

    def __init__(self) -> None:
        self._macs: dict[str, str] = {}
        self._doubtful: set[str] = set()
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, machine: str, mac: str) -> None:
        """Note the first request of a machine."""
        if any(other != machine and known == mac for other, known in self._macs.items()):
            self._doubtful.add(mac)
        self._macs.setdefault(machine, mac)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def mac(self, machine: str) -> str | None:
        known = self._macs.get(machine)
        return None if known in self._doubtful else known

    async def wait(self, machine: str, seconds: float) -> str | None:
        """The machine's MAC as soon as it is heard, None after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: machine in self._macs)
        return self.mac(machine)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@contextlib.asynccontextmanager
async def powered_on(switch: Switch, mark: Callable[[bool], None]) -> AsyncIterator[None]:
    """A machine that is on within the block, and was dark before. `mark(False)` once it is off again: what could not be powered off keeps
    the mark that the switch made. Raises NotSwitched where it is not dark."""
    try:
        await switch.start()
    except NotSwitched:
        mark(False)  # not dark, or refused: whatever it does now is not our doing
        raise
    try:
        yield
    finally:
        await asyncio.shield(switch.stop())
    mark(False)


async def learn(
    switches: Mapping[str, Switch],
    heard: BootRequests,
    *,
    mark: Callable[[str, bool], None],
    ended: Callable[[str, str | None, str], Awaitable[None]],
    seconds: float = LEARN_SECONDS,
) -> None:
    """Start every machine, wait for its request, stop it. `mark(machine, False)` is as for `powered_on`, `ended(machine, mac, why)` gets
    each result."""

    async def one(machine: str) -> None:
        async with powered_on(switches[machine], partial(mark, machine)):
            mac = await heard.wait(machine, seconds)
        why = "" if mac else f"no DHCP request with its UUID within {seconds:.0f} s of power on"
        await ended(machine, mac, why)

    async def fell(machine: str, remark: MachineRemark) -> None:
        await ended(machine, None, remark.reason)

    await each(switches, one, fell, where="boot-mac")


class Ear:
    """Every MAC that asks for an address, since it was last cleared."""

    def __init__(self) -> None:
        self.macs: set[str] = set()
        self._heard = asyncio.Event()

    def hear(self, mac: str) -> None:
        self.macs.add(mac)
        self._heard.set()

    def clear(self) -> None:
        self.macs.clear()
        self._heard.clear()

    async def wait_new(self, known: Container[str], seconds: float) -> None:
        """Return when somebody asks who is not among the known, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while all(mac in known for mac in self.macs):
                    self._heard.clear()
                    await self._heard.wait()


@dataclass(frozen=True)
class Alone:
    """How a machine without a UUID is learned: seconds to wait for its request, before power on, and after its first request; `power` is
    how long a change of power that is not ours is waited for, before anything is done."""

    seconds: float = LEARN_SECONDS
    quiet: float = QUIET_SECONDS
    settle: float = SETTLE_SECONDS
    power: Patience = PATIENCE


async def learn_alone(
    switch: Switch, ear: Ear, others: Container[str], how: Alone, mark: Callable[[bool], None]
) -> tuple[str | None, str]:
    """The MAC of a machine that is powered on alone, and why there is none. `others` are the boot MACs of other machines.

    The caller sees to it that nothing else is powered on meanwhile."""
    strangers: set[str] = set()
    first: str | None = None
    for _ in range(2):
        ear.clear()
        await asyncio.sleep(how.quiet)
        strangers |= ear.macs
        if first in strangers:
            return None, f"{first} also sent a DHCP request while the machine was powered off"
        async with powered_on(switch, mark):
            await ear.wait_new(_Either(strangers, others), how.seconds)
            await asyncio.sleep(how.settle)
            asked = sorted(mac for mac in ear.macs if mac not in strangers and mac not in others)
        if len(asked) != 1:
            why = (
                f"several NICs sent a DHCP request: {', '.join(asked)}"
                if asked
                else f"no new MAC address sent a DHCP request within {how.seconds:.0f} s of power on"
            )
            return None, why
        if first is not None and asked != [first]:
            return (
                None,
                f"the DHCP request came from {first} after the first power on, from {asked[0]} after the second",
            )
        first = asked[0]
    return first, ""


@dataclass(frozen=True)
class _Either:
    one: Container[str]
    other: Container[str]

    def __contains__(self, mac: object) -> bool:
        return mac in self.one or mac in self.other
