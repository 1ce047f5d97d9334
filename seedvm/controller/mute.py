"""Silence: nothing leaves any of this machine's NICs, by nftables' netdev egress hook, ARP included; it goes on listening.

It refuses to mute the loopback, and a mute without an end: `listen` always unmutes, and the unit that runs it unmutes once more
when the process dies in any way.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Sequence

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.wire.verdict import PORT, Verdict, unpack

TABLE = "seedvm_mute"
_WAKE_SECONDS = 1.0


def interfaces() -> tuple[str, ...]:
    """Every interface but the loopback."""
    links = json.loads(process.run(["ip", "-json", "link", "show"], timeout=10).stdout)
    return tuple(sorted(link["ifname"] for link in links if "LOOPBACK" not in link.get("flags", [])))


def rules(nics: Sequence[str]) -> str:
    """The nftables script: the table created again, an egress chain per NIC which drops all."""
    chains = "\n".join(
        f'  chain out{number} {{ type filter hook egress device "{nic}" priority 0; policy drop; }}'
        for number, nic in enumerate(nics)
    )
    return f"table netdev {TABLE}\ndelete table netdev {TABLE}\ntable netdev {TABLE} {{\n{chains}\n}}\n"


def mute(nics: Sequence[str]) -> None:
    """From now on not a frame leaves."""
    if not nics:
        raise SeedvmError("found no interface to mute", hint="ip link show")
    process.run(["nft", "-f", "-"], timeout=10, input=rules(nics))


def unmute() -> None:
    """Let frames out again; harmless when they never were held back."""
    process.run(["nft", "-f", "-"], timeout=10, input=f"table netdev {TABLE}\ndelete table netdev {TABLE}\n")


def muted() -> bool:
    """Is the table there?"""
    return process.run(["nft", "list", "table", "netdev", TABLE], timeout=10, check=False).returncode == 0


def listen(key: Secret, token: str, seconds: float, *, port: int = PORT) -> Verdict | None:
    """Mute, wait for the verdict on rehearsal `token` at most `seconds`, unmute. None: the deadline passed without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(("", port))
        ear.settimeout(_WAKE_SECONDS)
        try:
            mute(interfaces())
            return _hear(ear, key, token, time.monotonic() + seconds)
        finally:
            unmute()


def _hear(ear: socket.socket, key: Secret, token: str, deadline: float) -> Verdict | None:
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            datagram, _ = ear.recvfrom(2048)
            if verdict := unpack(datagram, key, token):
                return verdict
    return None
