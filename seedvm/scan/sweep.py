"""Asks every address of declared ranges whether a BMC is there: ARP where it is on link, presence, capabilities, Redfish root.

Paced over everything that leaves; never two probes in flight to one machine; message tag 0xFF is never used. Works block by block,
so that a scan can go on where it stopped. Refuses to send a password or to leave the ranges that it was given.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from seedvm import address as addr
from seedvm.scan.evidence import Bmc, Evidence, now
from seedvm.scan.identify import PACKETS_A_BMC, ROOT_TRIES, USUAL_PORTS, Interview, OnFound, Ports, first_evidence
from seedvm.scan.onlink import ECHO_SECONDS, ECHOES, Wires, link_local_neighbours, own_wires
from seedvm.scan.pace import ANSWER_SECONDS, Pace, patience
from seedvm.scan.radio import radio_for
from seedvm.scan.ranges import addresses, wires
from seedvm.scan.root import CONNECT_SECONDS
from seedvm.scan.rounds import ARP_ROUNDS, ArpRounds
from seedvm.wire import rmcp

__all__ = [
    "DEFAULT_RATE",
    "PACKETS_A_BMC",
    "USUAL_PORTS",
    "Budget",
    "Ports",
    "ScanResult",
    "now",
    "plan_sweep",
    "sweep",
]

DEFAULT_RATE = 500.0
ROUNDS = ("ping", "capabilities", "ping")  # some BMCs answer no ping
LAST_ROUNDS = ("capabilities",) * 4  # for who is there by ARP and has not answered: the wire may lose packets
BLOCK = 1024
BLOCKS_AT_ONCE = 4  # one waits for answers while another sends; more where a block is sent in less time than it waits
PACKETS_A_BLOCK = 100  # per second
ROOTS_AT_ONCE = 512

OnDone = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Budget:
    """What a scan will cost at most for addresses that stay silent, shown before it starts. `on_link` of them are asked by ARP
    alone; `wires` are those whose link-local neighbours are asked for."""

    addresses: int
    packets: int
    seconds: float
    on_link: int = 0
    wires: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScanResult:
    """What was found; `complete` is false when the deadline cut the scan short."""

    bmcs: tuple[Bmc, ...]
    budget: Budget
    packets: int
    seconds: float
    complete: bool


def plan_sweep(ranges: Iterable[str], *, rate: float = DEFAULT_RATE, on_wire: Wires | None = None) -> Budget:
    """Packets and seconds a sweep of these ranges takes at most; BMCs that answer add PACKETS_A_BMC each at most.

    Without `on_wire` every address is taken to be behind a router, which costs more."""
    wanted = tuple(ranges)
    named, links = addresses(wanted), wires(wanted)
    near = sum(1 for one in named if on_wire and on_wire.wire(one))
    far = len(named) - near
    packets = far * (len(ROUNDS) + ROOT_TRIES) + near * ARP_ROUNDS + len(links) * ECHOES
    far_waits = len(ROUNDS) * ANSWER_SECONDS * 1.5 + ROOT_TRIES * CONNECT_SECONDS
    waits = (
        (far_waits if far else 0)
        + (ARP_ROUNDS * ANSWER_SECONDS * 1.5 if near else 0)
        + ECHO_SECONDS * ECHOES * len(links)
    )
    return Budget(len(named), packets, round(packets / rate + waits, 1), near, links)


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
) -> ScanResult:
    """Scan the ranges; `on_found` hears of every BMC, again when more is known of it. `deadline` is in seconds.

    `on_done` gets each block of addresses that has been asked all there is to ask; those in
    `skip` are not asked. `pace` is given where others send as well.
    """
    wanted = tuple(ranges)
    targets, pace = tuple(one for one in addresses(wanted) if one not in skip), pace or Pace(rate)
    loop = asyncio.get_running_loop()
    started, sent_before = loop.time(), pace.sent
    async with _wires() as on_wire, radio_for((*targets, *("::" for _ in wires(wanted)))) as radio:
        budget = plan_sweep(wanted, rate=rate, on_wire=on_wire)
        run = Sweep(Interview(pace, ports, radio, on_found), on_wire, ArpRounds(on_wire, pace, len(targets)), on_done)
        complete = True
        try:
            async with asyncio.timeout(deadline):
                await run.all(targets, wires(wanted))
        except TimeoutError:
            complete = False
    found = run.interview.found
    bmcs = tuple(found[one] for one in sorted(found, key=addr.order))
    return ScanResult(bmcs, budget, pace.sent - sent_before, round(loop.time() - started, 3), complete)


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
    on_done: OnDone | None = None
    _silent: list[str] = field(default_factory=list)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ROOTS_AT_ONCE))

    async def all(self, targets: Sequence[str], links: Sequence[str]) -> None:
        """The named addresses, then the link-local neighbours, so that no machine is asked at two addresses at once."""
        blocks = [targets[at : at + BLOCK] for at in range(0, len(targets), BLOCK)]
        room = asyncio.Semaphore(max(BLOCKS_AT_ONCE, round(self.interview.pace.rate / PACKETS_A_BLOCK)))
        async with asyncio.TaskGroup() as group:
            for block in blocks:
                await room.acquire()
                group.create_task(self._block(block)).add_done_callback(lambda _: room.release())
        await self._hosts(sorted(await self.arp.after_all()))
        for wave in self._waves(self._silent):
            await self._presence(wave, LAST_ROUNDS)
        for interface in links:
            await self._neighbours(interface)

    async def _neighbours(self, interface: str) -> None:
        heard: dict[str, Evidence] = {}

        def seen(address: str, mac: str, packet: str) -> None:
            heard[address] = Evidence("mac", mac, packet, now())

        await self._ask(await link_local_neighbours(interface, self.interview.pace, on_seen=seen))
        for address, evidence in heard.items():
            if address in self.interview.found:
                self.interview.learn(address, (), (evidence,))

    async def _block(self, block: Sequence[str]) -> None:
        near = [one for one in block if self.on_wire.wire(one)]
        far = [one for one in block if not self.on_wire.wire(one)]
        live = await self.arp.live(near) if near else set()
        await self._hosts([*far, *(one for one in near if one in live)])
        if self.on_done:
            self.on_done(block)

    async def _hosts(self, asked: Sequence[str]) -> None:
        """Ask addresses where a host may be, and note the MACs of those on link that are BMCs."""
        await self._ask(asked)
        for address in asked:
            if address in self.interview.found and address in self.on_wire.macs:
                macs = self.on_wire.macs[address]
                self.interview.learn(address, (), [Evidence("mac", mac, "ARP reply", now()) for mac in macs])

    async def _ask(self, asked: Sequence[str]) -> None:
        """Ask addresses where a host may be; a machine's second address only after the first is through."""
        for wave in self._waves(asked):
            live = await self._presence(wave, ROUNDS)
            self._silent += [one for one in wave if one in self.on_wire.macs and one not in live]
            async with asyncio.TaskGroup() as group:
                for address in wave:
                    await self._gate.acquire()
                    group.create_task(self.interview.root(address)).add_done_callback(lambda _: self._gate.release())

    async def _presence(self, asked: Sequence[str], rounds: Sequence[str]) -> set[str]:
        """Presence in rounds over those that are still silent; who answered, each identified meanwhile."""
        async with asyncio.TaskGroup() as group:
            live = self._listen(group, asked)
            for kind in rounds:
                silent = [one for one in asked if one not in live]
                for address in silent:
                    first = kind == ROUNDS[0] and address in self.on_wire.macs
                    await self.interview.pace.turn(2 if first else 1)  # the kernel asks by ARP for itself
                    if address not in live:
                        await self._probe(kind, address)
                if silent:
                    await asyncio.sleep(patience())
        for address in asked:
            self.interview.radio.listeners.pop(address, None)
        return live

    def _waves(self, asked: Sequence[str]) -> list[list[str]]:
        """The addresses in random order, so that each wave holds every machine (by its MAC) at most once."""
        waves: list[list[str]] = []
        used: dict[str, int] = {}
        for address in random.sample(asked, len(asked)):
            machine = self.on_wire.machine(address)
            wave = used[machine] = used.get(machine, -1) + 1
            if wave == len(waves):
                waves.append([])
            waves[wave].append(address)
        return waves

    def _listen(self, group: asyncio.TaskGroup, asked: Sequence[str]) -> set[str]:
        """The addresses that answered so far; the first answer of each starts its identification."""
        live: set[str] = set()

        def hear(address: str, packet: bytes) -> None:
            evidence = first_evidence(packet)
            if evidence and address not in live:
                live.add(address)
                group.create_task(self.interview.ipmi(address, packet, evidence))

        for target in asked:
            self.interview.radio.listeners[target] = partial(hear, target)
        return live

    async def _probe(self, kind: str, address: str) -> None:
        tag = self.interview.next_tag()
        packet = rmcp.presence_ping(tag) if kind == "ping" else rmcp.auth_capabilities_request(tag & 0x3F)
        await self.interview.radio.send(packet, address, self.interview.ports.ipmi)
