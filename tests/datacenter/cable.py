"""Builds the datacenter around a test: the servers in the test's own network namespace, the visitor in another, one cable between.

The datacenter has 10.66.0.0/16 on far0, the visitor is 10.67.0.1/15 on near0: every address is on link. Whoever visits is a
process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.base import process
from tests.contract.isolated import child, until
from tests.datacenter.model import Host, store
from tests.datacenter.record import Record

ROOT = Path(__file__).parents[2]
CABLE = "near0"
VISITOR, VISITOR_MAC = "10.67.0.1", "52:54:00:66:f0:01"
# Each host has a MAC of its own while the cable has one: a frame for any of them is for us.
TAKE_ALL = """\
table netdev datacenter {
  chain in {
    type filter hook ingress device "far0" priority 0;
    meta pkttype set host;
  }
}
"""


@dataclass
class Seen:
    """What the datacenter noted. `frames` are those that the visitor sent: (tenth of a second, kind, how many)."""

    hosts: dict[str, Record]
    frames: list[tuple[int, str, int]]
    asked: dict[str, int]
    uncounted: int

    def busiest_second(self, *kinds: str) -> int:
        """The most frames of these kinds in any second (all kinds if none is named)."""
        slices: dict[int, int] = {}
        for at, kind, count in self.frames:
            if not kinds or kind in kinds:
                slices[at] = slices.get(at, 0) + count
        return max((sum(slices.get(at + step, 0) for step in range(10)) for at in slices), default=0)

    def sent(self, *kinds: str) -> int:
        return sum(count for _, kind, count in self.frames if not kinds or kind in kinds)


class Datacenter:
    """A running one. `run` is the visitor at work."""

    def __init__(self, folder: Path, hosts: Sequence[Host], namespace: str) -> None:
        self.folder = folder
        self.hosts = {host.address: host for host in hosts}
        self._enter = ["nsenter", f"--net={namespace}"]

    async def run(self, argv: Sequence[str | Path], *, timeout: float, check: bool = True) -> process.Completed:
        """A command of the visitor's."""
        return await process.arun(process.Command([*self._enter, *argv], cwd=ROOT), timeout=timeout, check=check)

    async def seedvm(self, *arguments: str, timeout: float = 100.0) -> tuple[process.Completed, dict[str, float]]:
        """`seedvm ARGUMENTS` in a process of its own, and what it cost: seconds, cpu, rss_mib, code."""
        cost = self.folder / "cost"
        cost.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.datacenter.measured", cost, *arguments]
        done = await self.run(command, timeout=timeout, check=False)
        assert cost.exists(), done.stderr[-3000:]
        return done, json.loads(cost.read_text())

    async def seen(self) -> Seen:
        """What was noted so far."""
        said = await self._ask("report")
        wire = said["wire"]
        frames = [(at, kind, count) for at, kind, count in wire["slices"]]
        return Seen(
            {a: Record.from_json(tree) for a, tree in said["hosts"].items()}, frames, wire["asked"], wire["dropped"]
        )

    async def forget(self) -> None:
        """Take back what was noted of packets and logins; locks and sessions stay as they are."""
        await self._ask("clear")

    async def _ask(self, wish: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self.folder / "control", limit=1 << 28)
        writer.write(json.dumps({"do": wish}).encode() + b"\n")
        line = await reader.readline()
        writer.close()
        return json.loads(line)


@contextlib.asynccontextmanager
async def datacenter(folder: Path, hosts: Sequence[Host]) -> AsyncIterator[Datacenter]:
    """The datacenter with these hosts, in the calling thread's network namespace (see tests.contract.isolated)."""
    home = folder / "datacenter"
    home.mkdir()
    store(home / "hosts", hosts)
    own = Path("/proc/thread-self/ns/net").stat().st_ino
    with child(["unshare", "--net", "sleep", "infinity"]) as visitor:
        namespace = Path(f"/proc/{visitor.pid}/ns/net")
        await until(lambda: namespace.stat().st_ino != own)
        _lay_cable(str(namespace), visitor.pid)
        for host in hosts:
            if host.interface:
                _link(host)
        with child(
            process.Command([sys.executable, "-m", "tests.datacenter.server", str(home)], cwd=ROOT), log=home / "log"
        ):
            await until((home / "control").exists, 60)
            yield Datacenter(home, hosts, str(namespace))


def _ip(*words: str) -> None:
    process.run(["ip", *words], timeout=60)


def _make_room() -> None:
    """The kernel's table of neighbours is one for all namespaces, and by default too small for us beside anybody else's test."""
    own = f"--net=/proc/{os.getpid()}/ns/net"  # of the process's first thread, which has not left the host's
    for family in ("ipv4", "ipv6"):
        for name, size in (("gc_thresh3", 16384), ("gc_thresh2", 8192)):
            process.run(
                ["nsenter", own, "sysctl", "-qw", f"net.{family}.neigh.default.{name}={size}"], timeout=10, check=False
            )


def _lay_cable(namespace: str, visitor: int) -> None:
    _make_room()
    _ip("link", "add", CABLE, "address", VISITOR_MAC, "type", "veth", "peer", "name", "far0")
    _ip("link", "set", CABLE, "netns", str(visitor))
    process.run(["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=8"], timeout=60)
    _ip("address", "add", "10.67.0.2/15", "dev", "far0")
    _ip("link", "set", "far0", "up")
    _ip("route", "add", "local", "10.66.0.0/16", "dev", "lo")
    _ip("neighbour", "replace", VISITOR, "lladdr", VISITOR_MAC, "dev", "far0", "nud", "permanent")
    process.run(["nft", "-f", "-"], input=TAKE_ALL, timeout=60)
    enter = ["nsenter", f"--net={namespace}", "ip"]
    process.run([*enter, "address", "add", f"{VISITOR}/15", "dev", CABLE], timeout=60)
    for name in ("lo", CABLE):
        process.run([*enter, "link", "set", name, "up"], timeout=60)


def _link(host: Host) -> None:
    """A link of its own for a host that is reached by IPv6 alone."""
    _ip("link", "add", "link", "far0", "name", host.interface, "address", host.mac, "type", "macvlan", "mode", "bridge")
    process.run(["sysctl", "-qw", f"net.ipv6.conf.{host.interface}.addr_gen_mode=1"], timeout=60)
    _ip("link", "set", host.interface, "up")
    _ip("address", "add", f"{host.address}/64", "dev", host.interface, "nodad")
