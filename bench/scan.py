"""A /16 with 1,000 BMCs and 2 % loss: seedvm's scan against its limits, nmap, FreeIPMI, ipmiutil; all proven; 200 odd ones among 1,000.

nmap is measured for the same answer (who speaks what, with certificates) on the whole /16, which takes it a quarter of an hour, or
with --quick on a /22 only. FreeIPMI's ipmidetectd pings a list of hosts again and again: its time is that until it has seen every
BMC, at its fastest. ipmiutil asks one address after the other, so it gets a /26.

The odd ones are the oddities of tests/datacenter among 800 plain BMCs. Their times are compared with those among 200 more plain ones, which
is what the oddity costs, and with those of the 800 alone, which has no aim: 200 more hosts are more work, odd or not. Each of
the thousand must be listed, none locked, and none blocked or held by our own fault.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import random
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.common import Figure, run_bench
from bench.odd import measure_odd
from tests.contract.isolated import run_isolated
from tests.datacenter.cable import Datacenter, datacenter
from tests.datacenter.model import Host
from tests.datacenter.population import BOTH, CANDIDATES

LOSS = 0.02
LIMIT_SECONDS, LIMIT_MIB, PROVE_SECONDS = 60.0, 300.0, 120.0
TIMES_FASTER = 20.0
PEER_SECONDS = 3600.0
DETECT_SECONDS = 60
WHOLE = "10.66.0.0/16"
ARP_LOSS_HELP = (
    "share of ARP questions, and of answers, that get lost as well (default 0: only IPMI's datagrams get lost, "
    f"{LOSS * 100:g} %% each way); above 0 every silent address is asked twice, which alone is 131,068 packets or 65.5 s at 2,000/s"
)


@dataclass
class Run:
    """What one tool did: `found` of `there` BMCs, packets that left (ARP among them), seconds."""

    seconds: float
    found: int
    there: int
    packets: int


@dataclass(frozen=True)
class Peer:
    """Another tool; `line` finds a BMC's address in its output. In `argv`, WHERE is the network and THERE how many BMCs it has.

    `aim` is how many times faster we want to be."""

    title: str
    argv: tuple[str, ...]
    line: str
    where: str
    aim: float | None = None

    @property
    def addresses(self) -> int:
        return ipaddress.ip_network(self.where).num_addresses - 2


PING = ("nmap", "-n", "-sU", "-p", "623", "-oG", "-", "WHERE")
SCRIPTS = ("--script", "ipmi-version,ssl-cert")
SAME = ("nmap", "-n", "-sU", "-sS", "-p", "U:623,T:443", *SCRIPTS, "-oG", "-", "WHERE")
DETECT = (sys.executable, "-m", "tests.datacenter.freeipmi", "WHERE", "THERE", str(DETECT_SECONDS))
DISCOVER = ("idiscover", "-i", "near0", "-b", "10.66.0.1", "-e", "10.66.0.62")  # 1.8 s for each that is silent
PEERS = (
    Peer("nmap -sU -p 623", PING, r"Host: (\S+) .*Ports: 623/open/", "10.66.0.0/22"),
    Peer("nmap with ipmi-version, HTTPS and certificates", SAME, r"Host: (\S+) .*623/open/", "10.66.0.0/22"),
    Peer("FreeIPMI's ipmidetectd, pings alone", DETECT, r"(?m)^(\S+)$", "10.66.0.0/22"),
    Peer("ipmiutil discover", DISCOVER, r"\b(10\.66\.0\.\d+)\b.*", "10.66.0.0/26"),
)
SLOW = Peer("nmap with ipmi-version, HTTPS and certificates", SAME, r"Host: (\S+) .*623/open/", WHOLE, TIMES_FASTER)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bmcs", type=int, default=1000, help="in the /16 (default 1000)")
    parser.add_argument("--rate", type=float, default=2000.0, help="packets per second for seedvm (default 2000)")
    parser.add_argument("--arp-loss", type=float, default=0.0, help=ARP_LOSS_HELP)
    parser.add_argument("--quick", action="store_true", help="do not wait for nmap on the whole /16, where the aim is")
    parser.add_argument("--no-peers", action="store_true", help="seedvm against its limits alone")
    parser.add_argument("--no-prove", action="store_true", help="do not prove the BMCs' accounts")
    parser.add_argument("--only-odd", action="store_true", help="measure the 200 odd BMCs among 1,000 and nothing else")


def hosts(count: int, arp_loss: float = 0.0) -> list[Host]:
    """BMCs of one kind all over 10.66.0.0/16, one in 65 addresses, so that the sample has its share."""
    dice = random.Random(16)
    places = sorted(dice.sample(range(1, 65535), count))
    user = dict([CANDIDATES[0]])
    return [
        Host(
            f"10.66.{at >> 8}.{at & 0xFF}",
            f"52:54:01:66:{at >> 8:02x}:{at & 0xFF:02x}",
            species="bench",
            ipmi=BOTH,
            guid=uuid.UUID(int=dice.getrandbits(128), version=4).hex,
            users=user,
            loss=LOSS,
            arp_loss=arp_loss,
        )
        for at in places
    ]


async def quiet(there: Datacenter) -> None:
    """Wait until nothing has been sent for two seconds: the kernel still asks by ARP for whom the last tool wanted."""
    async with asyncio.timeout(60):
        before = -1
        while before != (before := (await there.seen()).sent()):
            await asyncio.sleep(2)
    await there.forget()


async def seedvm(there: Datacenter, wanted: set[str], where: str, rate: float) -> tuple[Run, float]:
    """One scan and the memory that it took, in MiB."""
    await quiet(there)
    with tempfile.TemporaryDirectory(prefix="seedvm-bench-state-") as state:
        command = ("scan", where, "--json", "--rate", str(rate), "--state-dir", state)
        done, cost = await there.seedvm(*command, timeout=600)
    found = {one["address"] for one in json.loads(done.stdout.splitlines()[-1])["bmcs"] if one["protocols"]}
    return Run(cost["seconds"], len(found & wanted), len(wanted), (await there.seen()).sent()), cost["rss_mib"]


async def run_peer(there: Datacenter, wanted: set[str], peer: Peer) -> Run:
    """The other tool at its own pace."""
    await quiet(there)
    started = time.monotonic()
    words = [peer.where if one == "WHERE" else str(len(wanted)) if one == "THERE" else one for one in peer.argv]
    done = await there.run(words, timeout=PEER_SECONDS, check=False)
    found = set(re.findall(peer.line, done.stdout + done.stderr))
    return Run(time.monotonic() - started, len(found & wanted), len(wanted), (await there.seen()).sent())


async def prove(there: Datacenter, folder: Path, addresses: Sequence[str]) -> tuple[float, int]:
    """Seconds and proven accounts, each over IPMI with its identity, by the steps of the engine."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    command = [sys.executable, "-m", "tests.datacenter.prove", str(state), *addresses]
    await there.run(command, timeout=1800)
    said = json.loads((state / "proved.json").read_text())
    return said["seconds"]["credentials"], sum(1 for one in said["machines"].values() if one["user"])


async def measure(options: argparse.Namespace, figures: list[Figure]) -> None:
    population = hosts(options.bmcs, options.arp_loss)
    all_of_them = {host.address for host in population}
    with tempfile.TemporaryDirectory(prefix="seedvm-bench-") as name:
        async with datacenter(Path(name), population) as there:
            whole, memory = await seedvm(there, all_of_them, WHOLE, options.rate)
            limits(figures, whole, memory, options.rate)
            for peer in () if options.no_peers else PEERS:
                part = ipaddress.ip_network(peer.where)
                near = {one for one in all_of_them if ipaddress.ip_address(one) in part}
                ours, _ = await seedvm(there, near, peer.where, options.rate)
                compare(figures, ours, await run_peer(there, near, peer), peer)
            if not (options.no_peers or options.quick):
                compare(figures, whole, await run_peer(there, all_of_them, SLOW), SLOW)
            if not options.no_prove:
                seconds, proven = await prove(there, Path(name), sorted(all_of_them))
                figures.append(Figure(f"{options.bmcs} BMCs proven", seconds, PROVE_SECONDS, "limit", "s", aim=1.0))
                figures.append(
                    Figure("accounts proven", proven, options.bmcs, "there are", "BMCs", more_is_better=True, aim=1.0)
                )


def limits(figures: list[Figure], ours: Run, memory: float, rate: float) -> None:
    figures += [
        Figure(f"65,534 addresses at {rate:g} packets/s", round(ours.seconds, 1), LIMIT_SECONDS, "limit", "s", aim=1.0),
        Figure("BMCs found", ours.found, ours.there, "there are", "BMCs", more_is_better=True, aim=1.0),
        Figure("memory of the scan", round(memory, 1), LIMIT_MIB, "limit", "MiB", aim=1.0),
        Figure("packets per second", round(ours.packets / ours.seconds), rate, "limit", "packets/s", aim=1.0),
    ]


def compare(figures: list[Figure], ours: Run, theirs: Run, peer: Peer) -> None:
    title, size = peer.title, peer.addresses
    packets = round(ours.packets / size, 2), round(theirs.packets / size, 2)
    each = round(ours.seconds / size * 1000, 1), round(theirs.seconds / size * 1000, 1)
    figures += [
        Figure(f"{size} addresses", round(ours.seconds, 1), round(theirs.seconds, 1), title, "s", aim=peer.aim),
        Figure("time per address", *each, title, "ms"),
        Figure("BMCs found of them", ours.found, theirs.found, title, "BMCs", more_is_better=True, aim=1.0),
        Figure("packets per address", *packets, title, "packets"),
    ]


def figures_of(options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    if not options.only_odd:
        run_isolated(lambda: measure(options, figures), 7200)
    measure_odd(figures)
    return figures


if __name__ == "__main__":
    sys.exit(run_bench("scan", __doc__ or "", figures_of, arguments))
