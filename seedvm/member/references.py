"""`member references`: where this member still names the seed: its routes, name servers, time servers, keys, and every file in /etc.

An address counts wherever it stands; the seed's name only where a host is named, in files that name hosts, and not in a comment. It tells
places, never a line: configuration holds passwords. Reads only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process

_ROOTS = ("/etc", "/root/.ssh", "/run/systemd/resolve")
_LEASES = "/run/systemd/netif/leases"
_LARGEST = 1 << 20
# Files in which a bare word is a host's name.
_HOST_FILES = re.compile(
    r"hosts$|known_hosts|authorized_keys|/haproxy/|/keepalived/|/mysql/|/rabbitmq/|/chrony|ntp|timesync|resolv|/systemd/network/"
)
_COMMENT = re.compile(r"\s*[#;]")
_LEASE_KEYS = ("DNS", "NTP", "ROUTER", "ROUTES", "SIP")


@dataclass(frozen=True)
class ReferencesRequest:
    """The seed's address and host name."""

    address: str
    name: str


@dataclass(frozen=True)
class Reference:
    """A place that names the seed: a file with its line, a route."""

    place: str
    what: str


def references(request: ReferencesRequest) -> tuple[Reference, ...]:
    """Every place on this member."""
    found = [*_files(request), *_routes(request.address), *_leases(request.address)]
    return tuple(sorted(set(found), key=lambda one: (one.place, one.what)))


def names_address(text: str, address: str) -> bool:
    """Whether the address stands in the text, and not as a part of a longer one."""
    return re.search(rf"(?<![\d.]){re.escape(address)}(?!\d|\.\d)", text) is not None


def names_host(text: str, name: str) -> bool:
    """Whether the name stands in the text where a host is named: a word of its own, in a URL, after `@` or a quote."""
    return re.search(rf"(?:^|[\s@/,;=\[\"'(]){re.escape(name)}(?=$|[\s:/,;\])\"'.])", text) is not None


def _files(request: ReferencesRequest) -> Iterator[Reference]:
    for root in _ROOTS:
        for path in sorted(Path(root).rglob("*")):
            try:
                if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGEST:
                    continue
                lines = path.read_bytes().decode(errors="replace").splitlines()
            except OSError:
                continue
            hosts = _HOST_FILES.search(str(path)) is not None
            for number, line in enumerate(lines, 1):
                if _COMMENT.match(line):
                    continue
                if names_address(line, request.address):
                    yield Reference(str(path), f"line {number} has {request.address}")
                elif hosts and names_host(line, request.name):
                    yield Reference(str(path), f"line {number} has the name {request.name}")


def _routes(address: str) -> Iterator[Reference]:
    said = process.run(["ip", "-json", "route", "show", "table", "all"], timeout=10, check=False)
    for route in json.loads(said.stdout or "[]"):
        if route.get("gateway") == address or address in json.dumps(route.get("nexthops", [])):
            yield Reference("route", f"{route.get('dst', '?')} via {address}")


def _leases(address: str) -> Iterator[Reference]:
    """What this member was told by DHCP and uses still. Who served the lease is history."""
    for path in sorted(Path(_LEASES).glob("*")) if Path(_LEASES).is_dir() else ():
        for line in path.read_text(errors="replace").splitlines():
            key, _, value = line.partition("=")
            if key in _LEASE_KEYS and names_address(value, address):
                yield Reference(str(path), f"{key} has {address}")
