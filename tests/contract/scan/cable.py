"""A veth cable from near0 (172.22.1.10, in the test's namespace) to far0 in another namespace, where far_end.py answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.wire import slp
from tests.contract.isolated import child, until

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35  # asm-generic/socket.h
TENTATIVE = 0x40  # linux/if_addr.h
MAC = "52:54:00:aa:00:01"
ROOT = Path(__file__).parents[3]


@dataclass
class Cable:
    """What was seen on it: `sent` holds (seconds, frame) of everything that left near0."""

    log: Path
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    drain: Callable[[], None] = lambda: None
    """Read what the kernel still holds: `sent` is whole only then, and when the block has ended."""

    def words(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextlib.asynccontextmanager
async def cable(folder: Path, hosts: list[dict[str, Any]], **more: Any) -> AsyncIterator[Cable]:
    """The cable with hosts at its far end; everything is up when the block begins."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=bmc-test",
        "-days",
        "30",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    process.run(["openssl", "req", *words], timeout=60)
    plan = {
        "mac": MAC,
        "hosts": hosts,
        "key": str(key),
        "cert": str(cert),
        "slp_v6": slp.group_v6("service:ipmi"),
        **more,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    made = Cable(folder / "far.log")
    for line in (
        "all.accept_dad=0",
        "default.accept_dad=0",
        "all.router_solicitations=0",
        "default.router_solicitations=0",
    ):
        process.run(["sysctl", "-qw", f"net.ipv6.conf.{line}"], timeout=60)
    process.run(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0"], timeout=60)
    process.run(["ip", "address", "add", "172.22.1.10/24", "dev", "near0"], timeout=60)
    process.run(["ip", "link", "set", "near0", "up"], timeout=60)
    command = ["unshare", "--net", sys.executable, "-m", "tests.contract.scan.far_end", str(folder / "plan.json")]
    with child(process.Command(command, cwd=ROOT), log=made.log) as far:
        namespace = Path(f"/proc/{far.pid}/ns/net")
        await until(lambda: namespace.stat().st_ino != Path("/proc/thread-self/ns/net").stat().st_ino)
        process.run(["ip", "link", "set", "far0", "netns", str(far.pid)], timeout=60)
        await until(lambda: "ready" in made.words())
        await until(has_link_local)
        with watched(made):
            yield made


def has_link_local() -> bool:
    """Whether near0 may send by IPv6: the kernel gives it its address some time after the far end has come up."""
    rows = [line.split() for line in Path("/proc/thread-self/net/if_inet6").read_text().splitlines()]
    return any(row[5] == "near0" and row[0].startswith("fe80") and not int(row[4], 16) & TENTATIVE for row in rows)


@contextlib.contextmanager
def watched(made: Cable) -> Iterator[None]:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # the kernel's time, not that of a loop that may be late
    wire.bind(("near0", 0))
    wire.setblocking(False)
    loop = asyncio.get_running_loop()

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, notes, _, origin = wire.recvmsg(2048, 64)
                if origin[2] == socket.PACKET_OUTGOING:
                    seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                    made.sent.append((seconds + nanoseconds / 1e9, frame))

    made.drain = readable
    loop.add_reader(wire, readable)
    try:
        yield
    finally:
        loop.remove_reader(wire)
        readable()
        made.drain = lambda: None
        wire.close()
