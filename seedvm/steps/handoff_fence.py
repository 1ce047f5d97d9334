"""The hand-off's FENCE: what the seed's workers do stops, and is seen to have stopped on the wire.

The members are compared once more at the same time: writes are refused meanwhile. It has a way back: what it stopped is started again
when it fails.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import TimedOut, wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.controller import units
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import at_once, compare, hold, image_files, services, tables
from seedvm.handoff.live import reporting_gaps
from seedvm.handoff.members import Members
from seedvm.handoff.record import Compared, Record
from seedvm.member import verbs
from seedvm.member.boot import BootAnswers, ProbeRequest
from seedvm.services.load import installed

_HEARD_SECONDS = 1.0
_CONDUCTOR = "ironic-conductor.service"


@dataclass(frozen=True)
class Fence:
    """The seed's DHCP, TFTP, conductor, compute and engines are stopped, and a node saw them silent; the members still hold the same."""

    members: Members
    silent_seconds: float = 90.0  # Ironic lists a conductor that was killed for 60 s
    name: ClassVar[str] = "handoff-fence"
    title: ClassVar[str] = "FENCE: the seed's workers are silent on the network"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 6

    async def check(self) -> Verdict:
        """What was heard on the wire is not asked again: a worker that does not run says nothing, and writes are refused meanwhile."""
        if await self.members.committed():
            return Done({"committed": True})
        workers = installed().units("worker")
        if running := await units.active(workers):
            return Todo(f"still running on the seed: {', '.join(running[:4])}")
        if not await self.members.up():
            return Todo("not every node answers")
        known = self.members.record()
        if known.compared is None or known.compared.hold_since is None or known.compared.hold_since != known.hold_since:
            return Todo("the members have not been compared since writes were put on hold")
        return Done({"stopped": len(workers), "dhcp": "silent", "tftp": "silent", "conductor": "gone"})

    async def apply(self, report: Report) -> None:
        report.phase("FENCE", "started")
        try:
            known = self.members.record()
            if known.compared is None or known.hold_since is None:
                raise SeedvmError("writes were allowed since the members were compared", hint="run again")
            async with reporting_gaps(self.members, report):
                _, compared = await at_once.both(self._silence(report), self._last_look(known, known.compared, report))
        except BaseException:
            await hold.take_back(self.members, "FENCE", report)
            report.phase("FENCE", "undone")
            raise
        self.members.save(replace(self.members.record(), compared=compared))
        stopped = len(installed().units("worker"))
        told = f"{stopped} workers of the seed are silent; {compared.tables} tables are still the same on every member"
        report.phase("FENCE", "done", told)

    async def _last_look(self, known: Record, before: Compared, report: Report) -> Compared:
        """What may have changed since the comparison in the open: every table, and which images there are."""
        await hold.renew()
        api = await self.members.login(self.members.seed.address)
        digest, images = await at_once.both(
            tables.agreed(self.members, report, before.moving),
            image_files.compared(self.members, api, report, before.images),
        )
        databases = compare.by_database(digest.tables)
        return replace(before, hold_since=known.hold_since, seqno=digest.seqno, databases=databases, images=images)

    async def _silence(self, report: Report) -> None:
        """Stop the workers, and wait until a node hears nothing of them. Nothing is in flight: a straggler may be killed."""
        api = await self.members.login(self.members.nodes[0].address)
        others = tuple(unit for unit in installed().units("worker") if unit != _CONDUCTOR)
        stopping = at_once.both(units.stop(others, grace=units.IDLE_GRACE_SECONDS), self._stop_conductor(api))
        mac, _ = await at_once.both(in_thread(lambda: services.idle_mac(api)), stopping)
        report.phase("FENCE", "started", "the seed's workers are stopped; a node verifies that they are silent")

        async def silent() -> bool:
            if seen := await self._seen(api, mac):
                raise SeedvmError("the seed is still answering on the network", why="; ".join(seen))
            return True

        await wait_for(
            silent,
            seconds=self.silent_seconds,
            what="the seed is not silent",
            hint="on the seed: systemctl list-units",
        )

    async def _stop_conductor(self, api: Client) -> None:
        """It takes itself off Ironic's list first of all; once it has, it has nothing to do that is worth waiting for."""

        async def gone() -> bool:
            return self.members.seed.name not in await in_thread(lambda: services.conductors(api))

        await units.begin_stop((_CONDUCTOR,))
        with contextlib.suppress(TimedOut):
            await wait_for(gone, seconds=units.GRACE_SECONDS, what="Ironic still lists the seed's conductor", pause=0.5)
        await units.stop((_CONDUCTOR,), grace=0)

    async def _seen(self, api: Client, mac: str) -> list[str]:
        """What a node still hears of the seed's workers."""
        seed = self.members.seed
        request = ProbeRequest(seed.address, "eth0", mac, installed().fenced_ports, _HEARD_SECONDS)
        heard, conductors = await at_once.both(
            self.members.ask_one(self.members.nodes[0], verbs.PROBE, request),
            in_thread(lambda: services.conductors(api)),
        )
        return still_heard(heard, seed.address, seed.name in conductors)


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
