"""Learns boot MACs from the machines' own DHCP requests: powers dark machines on, listens, powers them off again.

A request belongs to a machine only if the UUID in it can be no other machine's. Refuses machines that run: nobody's
work is interrupted for a MAC. Listening and matching are given by the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.redfish import RedfishBmc
from seedvm.errors import SeedvmError

LEARN_SECONDS = 600.0  # a server with much memory takes minutes to its first DHCP request


class Switch(Protocol):
    """The power of one machine."""

    async def power(self) -> str: ...

    async def start(self) -> None:
        """Power on, to boot from the network."""

    async def stop(self) -> None:
        """Power off and see it off."""


class IpmiSwitch:
    def __init__(self, bmc: IpmiBmc) -> None:
        self._bmc = bmc

    async def power(self) -> str:
        return await self._bmc.power()

    async def start(self) -> None:
        await self._bmc.start_from_network()

    async def stop(self) -> None:
        await self._bmc.set_power("off")


class RedfishSwitch:
    def __init__(self, bmc: RedfishBmc, path: str) -> None:
        self._bmc = bmc
        self._path = path

    async def power(self) -> str:
        return await self._bmc.power(self._path)

    async def start(self) -> None:
        with contextlib.suppress(SeedvmError):  # the order of the firmware does as well
            await self._bmc.boot_from_network(self._path)
        await self._bmc.set_power(self._path, "on")

    async def stop(self) -> None:
        await self._bmc.set_power(self._path, "off")


class Heard:
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


async def learn(
    switches: Mapping[str, Switch],
    heard: Heard,
    *,
    mark: Callable[[str, bool], None],
    told: Callable[[str, str | None, str], Awaitable[None]],
    seconds: float = LEARN_SECONDS,
) -> None:
    """Start every machine, wait for its request, stop it. `mark(machine, True)` before power on and False after power off
    (so that a killed run knows what it left on), `told(machine, mac, why)` with the result of each."""

    async def one(machine: str, switch: Switch) -> None:
        try:
            mark(machine, True)
            await switch.start()
            try:
                mac = await heard.wait(machine, seconds)
            finally:
                await asyncio.shield(switch.stop())
            mark(machine, False)
            await told(machine, mac, "" if mac else f"no DHCP request with its UUID within {seconds:.0f} s of power on")
        except SeedvmError as error:
            await told(machine, None, f"{error.what}: {error.why}")

    async with asyncio.TaskGroup() as group:
        for machine, switch in switches.items():
            group.create_task(one(machine, switch))
