"""A /16 with 1,000 BMCs and 2 % loss: seedvm's scan against its own limits, nmap and ipmiutil; then every BMC proven.

FreeIPMI has nothing that searches a range: ipmi-ping asks one host, ipmi-locate the own board, ipmidetectd a list of known hosts.
"""

from __future__ import annotations

import argparse
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
from tests.contract.isolated import run_isolated
from tests.datacenter.cable import Datacenter, datacenter
from tests.datacenter.model import Host
from tests.datacenter.population import BOTH, CANDIDATES

LOSS = 0.02
LIMIT_SECONDS, LIMIT_MIB, PROVE_SECONDS = 60.0, 300.0, 120.0
TIMES_FASTER = 20.0
PEER_SECONDS = 900.0
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
    """Another tool, on a part of the network that it gets through in minutes; `line` finds a BMC's address in its output."""

    title: str
    argv: tuple[str, ...]
    line: str
    where: str
    addresses: int


PEERS = (
    Peer(
        "nmap -sU -p 623",
        ("nmap", "-n", "-sU", "-p", "623", "-oG", "-", "10.66.0.0/22"),
        r"Host: (\S+) .*Ports: 623/open/",
        "10.66.0.0/22",
        1022,
    ),
    Peer(
        "nmap with ipmi-version, HTTPS and certificates",
        (
            "nmap",
            "-n",
            "-sU",
            "-sS",
            "-p",
            "U:623,T:443",
            "--script",
            "ipmi-version,ssl-cert",
            "-oG",
            "-",
            "10.66.0.0/22",
        ),
        r"Host: (\S+) .*623/open/",
        "10.66.0.0/22",
        1022,
    ),
    Peer(
        "ipmiutil discover",
        ("idiscover", "-i", "near0", "-b", "10.66.0.1", "-e", "10.66.0.254"),
        r"\b(10\.66\.0\.\d+)\b.*",
        "10.66.0.0/24",
        254,
    ),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bmcs", type=int, default=1000, help="in the /16 (default 1000)")
    parser.add_argument("--rate", type=float, default=2000.0, help="packets per second for seedvm (default 2000)")
    parser.add_argument("--arp-loss", type=float, default=0.0, help=ARP_LOSS_HELP)
    parser.add_argument("--no-peers", action="store_true", help="seedvm against its limits alone")
    parser.add_argument("--no-prove", action="store_true", help="do not prove the BMCs' accounts")


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


async def seedvm(there: Datacenter, wanted: set[str], where: str, rate: float) -> tuple[Run, float]:
    """One scan and the memory that it took, in MiB."""
    await there.forget()
    with tempfile.TemporaryDirectory(prefix="seedvm-bench-state-") as state:
        command = ("scan", where, "--json", "--rate", str(rate), "--state-dir", state)
        done, cost = await there.seedvm(*command, timeout=600)
    found = {one["address"] for one in json.loads(done.stdout.splitlines()[-1])["bmcs"] if one["protocols"]}
    return Run(cost["seconds"], len(found & wanted), len(wanted), (await there.seen()).sent()), cost["rss_mib"]


async def run_peer(there: Datacenter, wanted: set[str], peer: Peer) -> Run:
    """The other tool at its own pace."""
    await there.forget()
    started = time.monotonic()
    done = await there.run(peer.argv, timeout=PEER_SECONDS, check=False)
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
            ours, memory = await seedvm(there, all_of_them, "10.66.0.0/16", options.rate)
            limits(figures, ours, memory, options.rate)
            if not options.no_peers:
                for peer in PEERS:
                    part = ipaddress.ip_network(peer.where)
                    near = {one for one in all_of_them if ipaddress.ip_address(one) in part}
                    ours, _ = await seedvm(there, near, peer.where, options.rate)
                    compare(figures, ours, await run_peer(there, near, peer), peer)
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
    aim = TIMES_FASTER if peer is PEERS[1] else None  # the same answer: who speaks what
    packets = round(ours.packets / size, 2), round(theirs.packets / size, 2)
    each = round(ours.seconds / size * 1000, 1), round(theirs.seconds / size * 1000, 1)
    figures += [
        Figure(f"{size} addresses", round(ours.seconds, 1), round(theirs.seconds, 1), title, "s", aim=aim),
        Figure("time per address", *each, title, "ms"),
        Figure("BMCs found of them", ours.found, theirs.found, title, "BMCs", more_is_better=True, aim=1.0),
        Figure("packets per address", *packets, title, "packets"),
    ]


def figures_of(options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    run_isolated(lambda: measure(options, figures), 3600)
    return figures


if __name__ == "__main__":
    sys.exit(run_bench("scan", __doc__ or "", figures_of, arguments))
