"""The hand-off's FENCE: what the seed's workers do stops, and is seen to have stopped on the wire.

It has a way back: what it stopped is started again when it fails.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.connection import in_thread
from seedvm.controller import units
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import hold, services
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.members import Members
from seedvm.handoff.record import VipWatch
from seedvm.member import verbs
from seedvm.member.boot import BootAnswers, ProbeRequest
from seedvm.member.launch import LaunchRequest, StopRequest
from seedvm.member.watch import WatchRequest
from seedvm.services.load import installed

_WATCH_SECONDS = 3600


@dataclass(frozen=True)
class Fence:
    """The seed's DHCP, TFTP, conductor, compute and engines are stopped, and a node saw them silent."""

    members: Members
    silent_seconds: float = 90.0  # Ironic lists a conductor that was killed for 60 s
    name: ClassVar[str] = "handoff-fence"
    title: ClassVar[str] = "FENCE: the seed's workers are silent on the network"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 8

    async def check(self) -> Verdict:
        if await self.members.committed():
            return Done({"committed": True})
        workers = installed().units("worker")
        if running := await units.active(workers):
            return Todo(f"still running on the seed: {', '.join(running[:4])}")
        if self.members.record().watch is None:
            return Todo("no node polls the VIP yet")
        if not await self.members.up():
            return Todo("not every node answers")
        seen = await self._seen()
        return (
            Todo("; ".join(seen))
            if seen
            else Done({"stopped": len(workers), "dhcp": "silent", "tftp": "silent", "conductor": "gone"})
        )

    async def apply(self, report: Report) -> None:
        report.phase("FENCE", "started")
        workers = installed().units("worker")
        try:
            await hold.renew()
            await self._watch(report)
            # Nothing is in flight, and Ironic's conductor takes itself off the list first of all: a straggler may be killed.
            async with reporting_gaps(self.members, report):
                await units.stop(workers, grace=units.GRACE_SECONDS)
                report.phase("FENCE", "started", "the seed's workers are stopped; a node verifies that they are silent")
                await wait_for(
                    self._silent,
                    seconds=self.silent_seconds,
                    what="the seed is not silent",
                    hint="on the seed: systemctl list-units",
                )
        except BaseException:
            await hold.take_back(self.members, "FENCE")
            report.phase("FENCE", "undone")
            raise
        report.phase(
            "FENCE",
            "done",
            f"{len(workers)} workers stopped; the seed's DHCP, TFTP and conductor are silent",
        )

    async def _watch(self, report: Report) -> None:
        """A node polls the VIP from now on."""
        watcher = self.members.nodes[-1]
        watch = VipWatch(watcher.name, time.time(), token_hex(8))
        request = WatchRequest(self.members.vip, _WATCH_SECONDS, token=watch.token)
        await self.members.ask_one(watcher, verbs.STOP, StopRequest("watch"))  # one of an attempt that was undone
        await self.members.ask_one(watcher, verbs.LAUNCH, LaunchRequest("watch", _WATCH_SECONDS, request))
        self.members.save(replace(self.members.record(), watch=watch))
        report.log("polling Keystone and Heat through the VIP at 5 Hz from now on", node=watcher.name)

    async def _silent(self) -> bool:
        if seen := await self._seen():
            raise SeedvmError("the seed is still answering on the network", why="; ".join(seen))
        return True

    async def _seen(self) -> list[str]:
        """What a node still hears of the seed's workers."""
        node = self.members.nodes[0]
        api = await self.members.login(node.address)
        mac = await in_thread(lambda: services.idle_mac(api))
        alive = await in_thread(lambda: services.alive(api))
        seed = self.members.seed
        request = ProbeRequest(seed.address, "eth0", mac, installed().fenced_ports)
        heard = await self.members.ask_one(node, verbs.PROBE, request)
        return still_heard(heard, seed.address, seed.name in alive["ironic-conductor"])


def still_heard(heard: BootAnswers, address: str, conductor: bool) -> list[str]:
    """Sentences on what of the seed answered a node's probe."""
    found = []
    if address in heard.dhcp:
        found.append("its DHCP server still makes offers")
    if heard.tftp:
        found.append("its TFTP server still answers")
    found += [f"port {port} is open" for port in heard.open]
    if conductor:
        found.append("Ironic still lists its conductor as alive")
    return found
