"""Two ARP rounds over many blocks, over a cable that swallows the questions it is told to."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from seedvm.scan.budget import plan_sweep
from seedvm.scan.identify import USUAL_PORTS, Interview
from seedvm.scan.onlink import Wire, Wires
from seedvm.scan.pace import Pace
from seedvm.scan.presence import Turns
from seedvm.scan.radio import Radio
from seedvm.scan.ranges import addresses
from seedvm.scan.rounds import ARP_ROUNDS, LARGE, SURE, ArpRounds
from seedvm.scan.sweep import Sweep

BLOCK = 512
BLOCKS = 2 * LARGE // BLOCK
CROWDED, CROWD = 2, SURE + 50  # the hosts of one block: enough to know the wire by


@dataclass
class Cable(Wires):
    """Answers at once for each address of `hosts`; swallows the questions of these numbers to them."""

    hosts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    async def ask(self, addresses: Sequence[str], pace: Pace) -> None:
        for address in addresses:
            await pace.turn()
            self.asked[address] += 1
            if self.asked[address] not in self.hosts.get(address, (self.asked[address],)):
                self.replies[address] += 1
                self.macs[address] = ("52:54:00:00:00:01",)


class NoWait(selectors.DefaultSelector):
    """Lets no time pass: who waits on the clock alone gets the time that it waits for."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.passed += timeout or 0.0
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.waits = NoWait()
        super().__init__(self.waits)

    def time(self) -> float:
        return self.waits.passed


def block(number: int) -> list[str]:
    return [f"10.{number}.{at >> 8}.{at & 0xFF}" for at in range(BLOCK)]


def crowd() -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(block(CROWDED)[:CROWD], ())


def scanned(cable: Cable, blocks: int = BLOCKS) -> tuple[set[str], set[str]]:
    """Who was found by the rounds, and who after all."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(_scanned(cable, blocks))


async def _scanned(cable: Cable, blocks: int) -> tuple[set[str], set[str]]:
    rounds = ArpRounds(cable, Pace(2000), blocks * BLOCK)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_live(rounds, block(number))) for number in range(blocks)]
    found = set[str]().union(*(task.result() for task in tasks))
    return found, await rounds.after_all()


@pytest.mark.parametrize("rate", [100, 500, 2000])
@pytest.mark.parametrize("network", ["10.0.0.0/24", "10.0.0.0/21", "10.0.0.0/18"])
def test_where_nobody_answers_a_scan_costs_what_was_said(network: str, rate: float) -> None:
    cable = Cable(((IPv4Network("10.0.0.0/8"), Wire("near0", "52:54:00:00:00:02", IPv4Address("10.9.0.1"))),))
    said = plan_sweep([network], rate=rate, on_wire=cable)
    pace = Pace(rate)

    async def silence() -> float:
        targets = addresses([network])
        interview = Interview(pace, USUAL_PORTS, Radio())
        await Sweep(interview, cable, ArpRounds(cable, pace, len(targets)), Turns(cable)).all(targets, ())
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=Loop) as runner:
        seconds = runner.run(silence())
    assert pace.sent == said.packets
    assert said.seconds - 2 <= seconds <= said.seconds


async def _live(rounds: ArpRounds, addresses: list[str]) -> set[str]:
    soon = await rounds.first(addresses)
    return soon | await rounds.rest(addresses, soon)


def test_where_the_wire_loses_nothing_silence_is_asked_once_and_who_answers_twice() -> None:
    cable = Cable(hosts=crowd())
    found, later = scanned(cable)
    assert found == set(cable.hosts)
    assert not later
    assert {address for address, asked in cable.asked.items() if asked == 2} == set(cable.hosts)
    assert set(cable.asked.values()) == {1, 2}


def test_where_the_wire_loses_a_packet_everybody_is_asked_twice() -> None:
    lost_answer, lost_first = block(CROWDED)[0], block(BLOCKS - 1)[7]
    cable = Cable(hosts=crowd() | {lost_answer: (2,), lost_first: (1,)})
    found, later = scanned(cable)
    assert found == set(cable.hosts)
    assert not later
    assert set(cable.asked.values()) == {ARP_ROUNDS}


def test_who_was_left_out_is_asked_after_all_when_a_loss_is_seen_later() -> None:
    left_out, lost_answer = block(1)[7], block(BLOCKS - 1)[9]
    cable = Cable(hosts=crowd() | {left_out: (1,), lost_answer: (2,)})
    found, later = scanned(cable)
    assert left_out not in found
    assert later == {left_out}
    assert set(cable.asked.values()) == {ARP_ROUNDS}


def test_a_wire_of_few_hosts_is_never_trusted() -> None:
    hidden = block(3)[1]
    cable = Cable(hosts=dict.fromkeys(block(0)[: SURE - 1], ()) | {hidden: (1,)})
    found, _ = scanned(cable)
    assert found == set(cable.hosts)


def test_a_small_scan_asks_who_is_silent_twice_and_who_answered_once() -> None:
    slow = block(0)[3]
    cable = Cable(hosts={slow: (1,), block(0)[4]: ()})
    found, _ = scanned(cable, 1)
    assert found == set(cable.hosts)
    assert cable.asked[block(0)[4]] == 1
    assert set(cable.asked.values()) == {1, 2}


async def test_a_machine_is_asked_at_one_of_its_addresses_at_a_time_also_by_different_blocks() -> None:
    cable = Cable()
    cable.macs |= dict.fromkeys(block(1)[:4], ("52:54:00:00:00:01",))
    cable.macs |= {address: (f"52:54:00:00:01:{at:02x}",) for at, address in enumerate(block(3)[:8])}
    asked: list[tuple[str, ...]] = []
    busy, most = set[str](), 0

    async def ask(wave: Sequence[str]) -> None:
        nonlocal most
        machines = {cable.machine(one) for one in wave}
        assert len(machines) == len(wave)
        assert not machines & busy
        busy.update(machines)
        most = max(most, len(busy))
        await asyncio.sleep(0.001)
        busy.difference_update(machines)
        asked.append(tuple(wave))

    turns = Turns(cable)
    async with asyncio.TaskGroup() as group:
        for addresses in ([*block(1)[:2], *block(3)[:4]], [*block(1)[2:4], *block(3)[4:8], block(3)[0]]):
            group.create_task(turns.in_waves(addresses, ask))
    assert sorted(one for wave in asked for one in wave) == sorted([*block(1)[:4], *block(3)[:8], block(3)[0]])
    assert most > 5, "different machines are asked together"
