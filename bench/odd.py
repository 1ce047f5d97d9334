"""1,000 BMCs of which 200 are odd: what the oddity costs the other 800, and what becomes of all. Part of bench.scan.

The odd ones are the rows of `tests.datacenter.oddities`, each several times: drips without end, slow TLS, floods of headers, and the rest.
A machine's time is that from the beginning of the credentials step to the login by which its account was proven.

The aim is against the same thousand of which none is odd: the same 800, and 200 plain BMCs at the addresses of the odd ones. That is the
price of the oddity. The 800 alone are measured and printed too, without an aim: 200 more hosts of any kind are a quarter more work for the
same processors, emulators and rate of packets, whatever they answer.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.common import Figure
from tests.contract.isolated import run_isolated
from tests.datacenter.cable import datacenter
from tests.datacenter.model import Host
from tests.datacenter.oddities import ODDITIES
from tests.datacenter.population import BOTH, CANDIDATES, host_of, odd
from tests.datacenter.record import Record

PLAIN, ODD = 800, 200
RANGE = "10.66.0.1-10.66.3.254"
KINDS: tuple[Mapping[str, Any], ...] = (
    {"ipmi": BOTH, "users": dict([CANDIDATES[0]])},
    {"redfish": "tls", "users": dict([CANDIDATES[0]])},
    {"ipmi": BOTH, "redfish": "tls", "users": dict([CANDIDATES[0]])},
)
UNCHANGED = 0.9  # the ratio of times that counts as unchanged: a run differs from the next by a few parts in a hundred
OUR_FAULT = ("blocks this address",)


@dataclass(frozen=True)
class Visit:
    """Seconds of discovery and of the credentials, and the rows of the machines, by address."""

    scan: float
    prove: float
    machines: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, Record]
    times: Mapping[str, float]

    def last(self, hosts: Sequence[Host]) -> float:
        """The second at which the last of these was proven."""
        return max((self.times[host.address] for host in hosts if host.address in self.times), default=0.0)

    def middle(self, hosts: Sequence[Host]) -> float:
        return median(self.times.get(host.address, self.prove) for host in hosts)


def plain_hosts() -> list[Host]:
    dice = random.Random(800)
    places = sorted(dice.sample(range(PLAIN + ODD), PLAIN))
    return [_plain(at, number, dice) for number, at in enumerate(places)]


def _plain(at: int, number: int, dice: random.Random) -> Host:
    return replace(host_of(at, {**KINDS[number % 3], "species": "plain"}, dice), lock_after=3)


def ordinary_hosts(places: Sequence[Host]) -> list[Host]:
    """Plain BMCs at the addresses of these: what they would be without their oddities."""
    dice = random.Random(200)
    plain = {host.address: host for host in (_plain(at, number, dice) for number, at in enumerate(range(PLAIN + ODD)))}
    return [plain[host.address] for host in places]


def odd_hosts(others: Sequence[Host]) -> list[Host]:
    """200 in the places that are free, each oddity as often as there is room."""
    dice = random.Random(200)
    taken = {host.address for host in others}
    made = (host_of(at, {**odd(name), "species": f"odd-{name}"}, dice) for at, name in enumerate(_names(PLAIN + ODD)))
    return [host for host in made if host.address not in taken]


def _names(count: int) -> list[str]:
    names = list(ODDITIES)
    shuffled = [name for _ in range(count // len(names) + 1) for name in names]
    random.Random(7).shuffle(shuffled)
    return shuffled[:count]


async def visit(hosts: Sequence[Host]) -> Visit:
    with tempfile.TemporaryDirectory(prefix="seedvm-bench-odd-") as name:
        async with datacenter(Path(name), hosts) as there:
            state = Path(name) / "state"
            state.mkdir(mode=0o700)
            await there.run([sys.executable, "-m", "tests.datacenter.prove", str(state), RANGE], timeout=1800)
            said = json.loads((state / "proved.json").read_text())
            seen = await there.seen()
    seconds = said["seconds"]
    first = {a: [one.at for one in record.logins if one.outcome == "in"][:1] for a, record in seen.hosts.items()}
    times = {address: at[0] - said["began"]["credentials"] for address, at in first.items() if at}
    return Visit(seconds["discover"], seconds["credentials"], said["machines"], seen.hosts, times)


def measure_odd(figures: list[Figure]) -> None:
    """The three visits, one after the other, each in a network of its own."""
    plain = plain_hosts()
    strange = odd_hosts(plain)
    visits: list[Visit] = []

    async def one(hosts: Sequence[Host]) -> None:
        visits.append(await visit(hosts))

    for hosts in (plain, [*plain, *ordinary_hosts(strange)], [*plain, *strange]):
        run_isolated(partial(one, hosts), 3600)
    alone, ordinary, among = visits
    figures += [
        *_outcomes(among, plain, strange),
        *_times(among, ordinary, plain, "with 200 ordinary ones", UNCHANGED),
        *_times(among, alone, plain, "alone"),
    ]


def _outcomes(among: Visit, plain: Sequence[Host], strange: Sequence[Host]) -> list[Figure]:
    everyone = [*plain, *strange]
    listed = sum(host.address in among.machines for host in everyone)
    right = [host for host in everyone if not host.odd or ODDITIES[host.odd].proven]
    proven = sum(bool(among.machines.get(host.address, {}).get("user")) for host in right)
    locked = sum(one.locked_by_visitor or one.blocked_visitor for one in among.records.values())
    held = sum(any(word in str(row) for word in OUR_FAULT) for row in among.machines.values())
    there, count = "there are", "BMCs"
    title = f"{len(everyone)} BMCs, {len(strange)} of them odd: listed"
    return [
        Figure(title, listed, len(everyone), there, count, True, 1.0),
        Figure("of them proven, of those that can be", proven, len(right), there, count, True, 1.0),
        Figure("accounts locked or our address blocked", locked, 0, "limit", count, aim=1.0),
        Figure("BMCs that are said to block us", held, 0, "limit", count, aim=1.0),
    ]


def _times(among: Visit, other: Visit, plain: Sequence[Host], name: str, aim: float | None = None) -> list[Figure]:
    """The 800's times among the odd ones beside those of another visit; discovery and the whole step without an aim."""
    half, last = "the others proven, half of them after", "the others proven, all of them after"
    return [
        Figure(half, round(among.middle(plain), 2), round(other.middle(plain), 2), name, "s", aim=aim),
        Figure(last, round(among.last(plain), 2), round(other.last(plain), 2), name, "s", aim=aim),
        Figure("discovery of all", among.scan, other.scan, name, "s"),
        Figure("all accounts judged", among.prove, other.prove, name, "s"),
    ]
