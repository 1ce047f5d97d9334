"""What a scan costs, said before it starts: packets and seconds at most while nobody answers, and what those that answer add."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seedvm.scan.identify import QUESTIONS, ROOT_TRIES, TALKS, TRIES
from seedvm.scan.onlink import ECHO_SECONDS, ECHOES, Wires
from seedvm.scan.pace import ANSWER_SECONDS, JITTER
from seedvm.scan.presence import KERNEL_ARP, LAST_ROUNDS, ROUNDS
from seedvm.scan.ranges import addresses, wires
from seedvm.scan.root import CONNECT_SECONDS, TALK_PACKETS, TALK_SECONDS
from seedvm.scan.rounds import AGAIN_SECONDS, ARP_ROUNDS

DEFAULT_RATE = 500.0
LONGEST = ANSWER_SECONDS * JITTER
_ARP = KERNEL_ARP + 1 + 1  # the kernel asks again after a while, and we ask once more in a large scan
_QUESTIONS = len(ROUNDS) + len(LAST_ROUNDS) + QUESTIONS * TRIES
_CONNECTS = ROOT_TRIES + TALKS - 1
# Added at most by one that answers, on a wire that loses nothing; an answer longer than usual adds its acknowledgements.
PACKETS_A_BMC = _ARP + _QUESTIONS + _CONNECTS + TALKS * TALK_PACKETS
# Added at most by those that answer by halves, all together: each is asked by itself.
SECONDS_BY_HALVES = round(_QUESTIONS * LONGEST + _CONNECTS * CONNECT_SECONDS + TALKS * TALK_SECONDS)


@dataclass(frozen=True)
class Budget:
    """What a scan will cost at most for addresses that stay silent, shown before it starts. `on_link` of them are asked by ARP
    alone; `wires` are those whose link-local neighbours are asked for."""

    addresses: int
    packets: int
    seconds: float
    on_link: int = 0
    wires: tuple[str, ...] = ()


def plan_sweep(ranges: Iterable[str], *, rate: float = DEFAULT_RATE, on_wire: Wires | None = None) -> Budget:
    """Packets and seconds a sweep of these ranges takes at most while nobody answers. Each that does adds PACKETS_A_BMC packets at most;
    those that answer by halves (a pong and no capabilities, a port that says nothing) add SECONDS_BY_HALVES at most together.

    Without `on_wire` every address is taken to be behind a router, which costs more."""
    wanted = tuple(ranges)
    named, links = addresses(wanted), wires(wanted)
    near = sum(1 for one in named if on_wire and on_wire.wire(one))
    far = len(named) - near
    packets = far * (len(ROUNDS) + ROOT_TRIES) + near * ARP_ROUNDS + len(links) * ECHOES
    far_waits = len(ROUNDS) * LONGEST + ROOT_TRIES * CONNECT_SECONDS if far else 0.0
    near_waits = (ARP_ROUNDS - 1) * AGAIN_SECONDS * JITTER + LONGEST if near else 0.0
    waits = max(far_waits, near_waits) + ECHO_SECONDS * ECHOES * len(links)
    return Budget(len(named), packets, round(packets / rate + waits, 1), near, links)
