"""How often a BMC is asked what it does not answer: less where the wire has been seen to lose nothing. No time passes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from seedvm.scan.identify import QUESTIONS, SURE, TRIES, TRIES_LOSSLESS, USUAL_PORTS, Interview, first_evidence
from seedvm.scan.onlink import Wires
from seedvm.scan.pace import Pace
from seedvm.scan.presence import LAST_ROUNDS, Turns
from seedvm.scan.radio import Radio
from seedvm.scan.rounds import ArpRounds
from seedvm.scan.sweep import Sweep
from seedvm.wire import rmcp
from tests.contract.scan.far_end import rmcp_reply
from tests.unit.test_scan_rounds import Loop

GUID = bytes.fromhex("00112233445566778899aabbccddeeff")
HALVES, NOBODY = "10.0.0.98", "10.0.0.99"


class Bmcs(Radio):
    """All addresses but two are BMCs that answer at once; HALVES answers pings alone. The questions of the numbers `lost` are swallowed."""

    def __init__(self, lost: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self._lost = lost

    async def send(self, packet: bytes, address: str, port: int) -> None:
        self.asked[address] += 1
        if self.asked.total() in self._lost or address == NOBODY:
            return
        deaf = ["capabilities", "guid"] if address == HALVES else []
        if answer := rmcp_reply(GUID, False, deaf)(packet):
            self.listeners[address](answer)


def interviewed(radio: Bmcs, then: Callable[[Interview], Awaitable[None]], bmcs: int = SURE // 2) -> None:
    """So many sound BMCs are identified, each by two questions; then `then`."""

    async def work() -> None:
        interview = Interview(Pace(1000), USUAL_PORTS, radio)
        for number in range(bmcs):
            await identify(interview, f"10.0.0.{number}")
        await then(interview)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(work())


async def identify(interview: Interview, address: str) -> None:
    pong = rmcp_reply(GUID, False, [])(rmcp.presence_ping(1))
    assert pong
    await interview.ipmi(address, pong, first_evidence(pong))


async def halves(interview: Interview) -> None:
    await identify(interview, HALVES)


async def last(interview: Interview, address: str = NOBODY) -> None:
    on_wire = Wires()
    await Sweep(interview, on_wire, ArpRounds(on_wire, interview.pace, 1), Turns(on_wire))._last([address])


def test_what_is_not_answered_is_asked_a_few_times_where_the_wire_loses_nothing() -> None:
    radio = Bmcs()
    interviewed(radio, halves)
    assert radio.asked[HALVES] == (QUESTIONS - 1) * TRIES_LOSSLESS
    interviewed(radio, last)
    assert radio.asked[NOBODY] == 1


def test_it_is_asked_often_where_the_wire_has_lost_one_packet() -> None:
    radio = Bmcs(lost=(3,))
    interviewed(radio, halves)
    assert radio.asked[HALVES] == (QUESTIONS - 1) * TRIES
    radio = Bmcs(lost=(3,))
    interviewed(radio, last)
    assert radio.asked[NOBODY] == len(LAST_ROUNDS)


def test_who_answers_pings_alone_is_found_although_every_earlier_pong_was_lost() -> None:
    radio = Bmcs(lost=(3,))
    found: list[str] = []

    async def last_of_halves(interview: Interview) -> None:
        await last(interview, HALVES)
        found.extend(interview.found)

    interviewed(radio, last_of_halves)
    assert HALVES in found


def test_it_is_asked_often_where_too_few_have_answered_to_know_the_wire() -> None:
    radio = Bmcs()
    interviewed(radio, halves, bmcs=SURE // 2 - 1)
    assert radio.asked[HALVES] == (QUESTIONS - 1) * TRIES
