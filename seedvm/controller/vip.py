"""The virtual address, and HAProxy's answer to writes while a hand-off is under way.

Both are of this machine: who holds the VIP is read from its own interfaces, and the hold is an entry in HAProxy's map, set by its
admin socket. It refuses to restart anything.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.foreign.text import shown

ADMIN_SOCKET = Path("/run/haproxy/admin.sock")
HOLD_MAP = "/etc/haproxy/hold.map"
_HOLD_KEY = "writes"


def holds(address: str) -> bool:
    """Is this address on one of this machine's interfaces?"""
    return address in parse_addresses(process.run(["ip", "-json", "address", "show"], timeout=10).stdout)


def parse_addresses(text: str) -> frozenset[str]:
    """The JSON of `ip address` -> every local address."""
    return frozenset(
        item["local"] for link in json.loads(text) for item in link.get("addr_info", []) if "local" in item
    )


def hold_writes(on: bool, *, admin: Path = ADMIN_SOCKET) -> None:
    """Let this HAProxy answer 503 to every request that would change something (logins excepted), or let them through again."""
    said = haproxy(f"set map {HOLD_MAP} {_HOLD_KEY} {'on' if on else 'off'}", admin=admin)
    if said.strip():
        raise SeedvmError(
            "HAProxy did not accept the hold on writes",
            why=shown(said, 300),
            hint=f"check that its configuration uses {HOLD_MAP}",
        )


def writes_held(*, admin: Path = ADMIN_SOCKET) -> bool:
    """Does this HAProxy refuse writes? A HAProxy that does not run refuses nothing."""
    try:
        said = haproxy(f"show map {HOLD_MAP}", admin=admin)
    except SeedvmError:
        return False
    return any(line.split()[1:] == [_HOLD_KEY, "on"] for line in said.splitlines())


def haproxy(command: str, *, admin: Path = ADMIN_SOCKET) -> str:
    """One command to HAProxy's admin socket and all of its answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(5)
            line.connect(str(admin))
            line.sendall(command.encode() + b"\n")
            said = b""
            while piece := line.recv(65536):
                said += piece
            return said.decode(errors="replace")
    except OSError as error:
        raise SeedvmError(
            "HAProxy's admin socket does not answer", why=f"{admin}: {error}", hint="systemctl status haproxy"
        ) from error
