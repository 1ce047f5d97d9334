"""Asks every address of declared ranges whether a BMC is there: ARP where it is on link, presence, capabilities, Redfish root.

Paced over everything that leaves; never two probes in flight to one machine; message tag 0xFF is never used. Works block by block,
so that a scan can go on where it stopped. Refuses to send a password or to leave the ranges that it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from seedvm.base import addresses as addr
from seedvm.scan.budget import DEFAULT_RATE, PACKETS_A_BMC, SECONDS_BY_HALVES, Budget, plan_sweep
from seedvm.scan.containment import OwnFailure, unwrapped
from seedvm.scan.evidence import Bmc, Evidence, HostRemark, now
from seedvm.scan.identify import USUAL_PORTS, Interview, OnFound, OnRemark, Ports
from seedvm.scan.onlink import Wires, link_local_neighbours, own_wires
from seedvm.scan.pace import Pace
from seedvm.scan.presence import LAST_ROUNDS, ROUNDS, Turns, Wave
from seedvm.scan.radio import radio_for
from seedvm.scan.ranges import addresses, wires
from seedvm.scan.rounds import ArpRounds

__all__ = [
    "DEFAULT_RATE",
    "LAST_ROUNDS",
    "PACKETS_A_BMC",
    "ROUNDS",
    "SECONDS_BY_HALVES",
    "USUAL_PORTS",
    "Budget",
    "Ports",
    "ScanResult",
    "now",
    "plan_sweep",
    "sweep",
]

BLOCK = 1024
BLOCKS_AT_ONCE = 4  # one waits for answers while another sends; more where a block is sent in less time than it waits
PACKETS_A_BLOCK = 100  # per second
ROOTS_AT_ONCE = 512

OnDone = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class ScanResult:
    """What was found; `complete` is false when the deadline cut the scan short. `remarks` are on hosts that showed no sign of a BMC."""

    bmcs: tuple[Bmc, ...]
    budget: Budget
    packets: int
    seconds: float
    complete: bool
    remarks: tuple[HostRemark, ...] = ()


async def sweep(
    ranges: Iterable[str],
    *,
    rate: float = DEFAULT_RATE,
    on_found: OnFound | None = None,
    deadline: float | None = None,
    ports: Ports = USUAL_PORTS,
    pace: Pace | None = None,
    on_done: OnDone | None = None,
    skip: Container[str] = (),
    on_remark: OnRemark | None = None,
) -> ScanResult:
    """Scan the ranges; `on_found` hears of every BMC, again when more is known of it. `deadline` is in seconds.

    `on_done` gets each block of addresses that has been asked all there is to ask; those in
    `skip` are not asked. `pace` is given where others send as well. `on_remark` hears what is odd about hosts that are no BMCs.
    """
    wanted = tuple(ranges)
    targets, pace = tuple(one for one in addresses(wanted) if one not in skip), pace or Pace(rate)
    loop = asyncio.get_running_loop()
    started, sent_before = loop.time(), pace.sent
    async with _wires() as on_wire, radio_for((*targets, *("::" for _ in wires(wanted)))) as radio:
        budget = plan_sweep(wanted, rate=rate, on_wire=on_wire)
        interview = Interview(pace, ports, radio, on_found, on_remark)
        arp = ArpRounds(on_wire, pace, len(targets))
        run = Sweep(interview, on_wire, arp, Turns(on_wire), on_done)
        complete = True
        try:
            async with asyncio.timeout(deadline):
                await run.to_the_end(targets, wires(wanted))
        except TimeoutError:
            complete = False
    found = interview.found
    remarks = tuple(one for address in sorted(interview.aside, key=addr.order) for one in interview.aside[address])
    bmcs = tuple(found[one] for one in sorted(found, key=addr.order))
    return ScanResult(bmcs, budget, pace.sent - sent_before, round(loop.time() - started, 3), complete, remarks)


@asynccontextmanager
async def _wires() -> AsyncIterator[Wires]:
    on_wire = await own_wires()
    try:
        yield on_wire
    finally:
        on_wire.close()


@dataclass
class Sweep:
    """The state of one scan."""

    interview: Interview
    on_wire: Wires
    arp: ArpRounds
    turns: Turns
    on_done: OnDone | None = None
    _silent: list[str] = field(default_factory=list)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ROOTS_AT_ONCE))

    async def to_the_end(self, targets: Sequence[str], links: Sequence[str]) -> None:
        """Ask all; what fails on our own side comes out as it is."""
        try:
            await self.all(targets, links)
        except BaseExceptionGroup as group:
            failed, _ = group.split(OwnFailure)
            if failed is None:
                raise
            raise unwrapped(failed) from None

    async def all(self, targets: Sequence[str], links: Sequence[str]) -> None:
        """The named addresses, then the link-local neighbours, so that no machine is asked at two addresses at once."""
        blocks = [targets[at : at + BLOCK] for at in range(0, len(targets), BLOCK)]
        room = asyncio.Semaphore(max(BLOCKS_AT_ONCE, round(self.interview.pace.rate / PACKETS_A_BLOCK)))
        async with asyncio.TaskGroup() as group:
            for block in blocks:
                await room.acquire()
                group.create_task(self._block(block)).add_done_callback(lambda _: room.release())
        await self._hosts(sorted(await self.arp.after_all()))
        await self.turns.in_waves(self._silent, self._last)
        for interface in links:
            await self._neighbours(interface)

    async def _neighbours(self, interface: str) -> None:
        heard: dict[str, Evidence] = {}

        def seen(address: str, mac: str, packet: str) -> None:
            heard[address] = Evidence("mac", mac, packet, now())

        await self.turns.in_waves(await link_local_neighbours(interface, self.interview.pace, on_seen=seen), self._wave)
        for address, evidence in heard.items():
            if address in self.interview.found:
                self.interview.learn(address, (), (evidence,))

    async def _block(self, block: Sequence[str]) -> None:
        near = [one for one in block if self.on_wire.wire(one)]
        far = [one for one in block if not self.on_wire.wire(one)]
        soon = await self.arp.first(near) if near else set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hosts([*far, *(one for one in near if one in soon)]))
            late = group.create_task(self.arp.rest(near, soon)) if near else None
        if late:
            await self._hosts([one for one in near if one in late.result()])
        if self.on_done:
            self.on_done(block)

    async def _hosts(self, asked: Sequence[str]) -> None:
        """Ask addresses where a host may be, and note the MACs of those on link that are BMCs."""
        await self.turns.in_waves(asked, self._wave)
        for address in asked:
            if address in self.interview.found and address in self.on_wire.macs:
                macs = self.on_wire.macs[address]
                self.interview.learn(address, (), [Evidence("mac", mac, "ARP reply", now()) for mac in macs])

    async def _wave(self, addresses: Sequence[str]) -> None:
        """Everything that is asked of an address where a host may be."""
        async with asyncio.TaskGroup() as group:
            wave = Wave(self.interview, group, addresses, self._root)
            silent = await wave.ask(ROUNDS, frozenset(self.on_wire.macs).intersection(addresses))
            self._silent += [one for one in silent if one in self.on_wire.macs]
            for address in silent:
                await self._gate.acquire()
                group.create_task(self.interview.root(address)).add_done_callback(lambda _: self._gate.release())

    async def _root(self, address: str) -> None:
        async with self._gate:
            await self.interview.root(address)

    async def _last(self, addresses: Sequence[str]) -> None:
        """Ask who is there and has not answered: more than once where the wire may have lost it."""
        async with asyncio.TaskGroup() as group:
            await Wave(self.interview, group, addresses).ask(LAST_ROUNDS[: 1 if self.interview.lossless else None])
