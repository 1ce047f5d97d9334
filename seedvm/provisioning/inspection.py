"""One inspection from within, from the order to its result: how far it is by the machine's own requests, one more try when it fails.

Where nobody has said in which mode the firmware boots, the second try is made in the other mode. It refuses to begin before the
machine's port is known to Ironic: without it the boot would be offered to nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedvm.cloud import ironic
from seedvm.cloud.connection import Cloud, Refused
from seedvm.controller.leases import Lease, leases
from seedvm.machines.hardware import Hardware

INSPECT_SECONDS = 2100.0  # twice Ironic's own patience ([conductor] inspect_wait_timeout), and some for its work
PORT_SECONDS = 60.0
_TRIES = 2
_LOOK_EVERY = 3.0
_IDLE = ("manageable", "inspect failed")
_UNDER_WAY = ("inspecting", "inspect wait", "inspect failed")
_OTHER = {"bios": "uefi", "uefi": "bios"}
_CABLE = "check that the NIC with its boot MAC is cabled to the provisioning network and its firmware boots from it, then run again"
_CONSOLE = "check its console, then run again"


@dataclass(frozen=True)
class Failed:
    """Why an inspection came to nothing, and what the operator does about it. `begun`: the machine was powered on for it."""

    why: str
    cure: str
    begun: bool = False


@dataclass(frozen=True)
class InspectionProgress:
    """How far an inspection is, in percent and words."""

    percent: float
    words: str


HEARD = InspectionProgress(35, "booting from the network")


async def inspect(
    cloud: Cloud, node: ironic.Node, *, fresh: bool, mode_proven: bool, tell: Callable[[InspectionProgress], None]
) -> Hardware | Failed:
    """Bring one inspection to its end, whether this run or a killed one began it. `fresh` wants a new one although there is a result;
    `mode_proven` says that the boot mode is no guess. `tell` hears of every new stage."""
    run = _Inspection(cloud, node, fresh, mode_proven)
    deadline = time.monotonic() + INSPECT_SECONDS
    reported: InspectionProgress | None = None
    while time.monotonic() < deadline:
        try:
            result = await run.step()
        except Refused as error:
            return Failed(f"Ironic rejected it: {error.why}", _CONSOLE, run.begun)
        if result is not None:
            return result
        if run.stage != reported:
            reported = run.stage
            tell(reported)
        await asyncio.sleep(_LOOK_EVERY)
    return await run.give_up()


class _Inspection:
    def __init__(self, cloud: Cloud, node: ironic.Node, fresh: bool, mode_proven: bool) -> None:
        self.stage = InspectionProgress(0, "waiting for Ironic")
        self._cloud = cloud
        self._id = node.id
        self._fresh = fresh
        self._mode_proven = mode_proven
        self._asked = 0
        self._furthest = self.stage
        self._macs: Sequence[str] = ()
        self._before: dict[str, Lease] = {}
        self._portless_since: float | None = None
        self.begun = node.state in _UNDER_WAY

    async def step(self) -> Hardware | Failed | None:
        """Look once and do what is next; the result when there is one."""
        now = await ironic.node(self._cloud, self._id)
        known = await ironic.hardware(self._cloud, now) if now.state in ("manageable", "available") else None
        if known and (self._asked or (now.inspected and not self._fresh)):
            return known
        if now.state in _IDLE and not now.reserved:
            if self._asked == _TRIES:
                return self._failed(now.error or now.state)
            return await self._begin(now)
        if not self._macs:
            self._macs = await ironic.ports(self._cloud, self._id)
        heard = await asyncio.to_thread(leases)
        news = [lease for mac in self._macs if (lease := heard.get(mac)) and lease != self._before.get(mac)]
        self.stage = stage(now, news)
        self._furthest = max(self._furthest, self.stage, key=lambda one: one.percent)
        return None

    async def give_up(self) -> Failed:
        """Take an inspection back that does not end, so that the machine does not go on waiting for it."""
        now = await ironic.node(self._cloud, self._id)
        if now.state == "inspect wait":
            await ironic.provision(self._cloud, self._id, "abort")
        return self._failed(f"no result after {INSPECT_SECONDS:.0f} s ({now.state}, {now.power})")

    def _failed(self, why: str) -> Failed:
        """With how far it came, and the cure for having come no further."""
        heard = self._furthest.percent >= HEARD.percent
        return Failed(f"{why}; last stage reached: {self._furthest.words}", _CONSOLE if heard else _CABLE, self.begun)

    async def _begin(self, now: ironic.Node) -> Failed | None:
        self._macs = await ironic.ports(self._cloud, self._id)
        if not self._macs:
            self._portless_since = self._portless_since or time.monotonic()
            self.stage = InspectionProgress(0, "waiting for its port in Ironic")
            late = time.monotonic() - self._portless_since > PORT_SECONDS
            return Failed("Ironic has no port for it", "run again; the registration creates the port") if late else None
        if now.maintenance and not await ironic.take_back(self._cloud, now):
            cure = "when it can be used again: openstack baremetal node maintenance unset; then run again"
            return Failed(f"it is in maintenance: {now.kept_away or 'no reason given'}", cure)
        if self._asked and not self._mode_proven and now.boots_in in _OTHER:
            now = await ironic.set_boot_mode(self._cloud, now, _OTHER[now.boots_in])
        self._asked += 1
        self._furthest = InspectionProgress(0, "nothing")
        self._before = await asyncio.to_thread(leases)
        await ironic.provision(self._cloud, self._id, "inspect")
        self.begun = True
        self.stage = InspectionProgress(
            5, f"Ironic is preparing its boot ({now.boots_in or 'default mode'}, attempt {self._asked})"
        )
        return None


def stage(now: ironic.Node, news: Sequence[Lease]) -> InspectionProgress:
    """How far an inspection is: by the node's state, and by the leases that its NICs took since the order."""
    ramdisk = any(lease.of_ramdisk for lease in news)
    if now.state != "inspect wait":
        return (
            InspectionProgress(90, "Ironic is storing the results")
            if news
            else InspectionProgress(5, "Ironic is preparing its boot")
        )
    if ramdisk:
        return InspectionProgress(60, "the ramdisk is inspecting the hardware")
    if news:
        return InspectionProgress(HEARD.percent, f"{HEARD.words} as {news[0].address}")
    return (
        InspectionProgress(15, "its firmware is starting")
        if now.power == "power on"
        else InspectionProgress(10, "powering on")
    )
