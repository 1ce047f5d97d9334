"""A Galera cluster as its members' sockets show it: MariaDB's text protocol, the statements that the hand-off sends, real time.

The sequence number goes on while somebody looks, as heartbeats make it do. Source of the packets: MariaDB's client/server protocol.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seedvm.services.load import installed
from tests.contract.handoff.unix_server import UnixServer

BEAT = 0.2
DATABASES = installed().databases
_LONGLONG, _STRING = 8, 0xFD


class Cluster:
    """What all members share: the tables (name -> rows, checksum), of which some are written all the time (`beating`), secrets as they
    lie in the database, and the number of members."""

    def __init__(self, size: Callable[[], int]) -> None:
        self.size = size
        self.tables = {f"{database}.things": (3, 7000 + number) for number, database in enumerate(DATABASES)}
        self.beating: set[str] = set()
        self.stacks = [("undercloud", "lab", "site:trust-1")]
        self.bmcs = [("node-1", '{"ipmi_password": "one"}'), ("node-2", '{"ipmi_password": "two"}')]
        self.rows: dict[str, set[str]] = {"heat": set(), "ironic": set()}
        self._lock = threading.Lock()
        self._seqno, self._since, self._seen = 1000, time.monotonic(), set[int]()

    def seqno(self, member: int) -> int:
        """As this member sees it: it goes on once no member has come to it for a beat, be the machine as slow as it may."""
        with self._lock:
            now = time.monotonic()
            if now - self._since > BEAT:
                self._seqno, self._since, self._seen = self._seqno + 1, now, set()
            if member not in self._seen:
                self._seen.add(member)
                self._since = now
            return self._seqno


class Member:
    """One member at its socket. `different` are tables in which it is not as the others; `gone`: it accepts nobody."""

    def __init__(self, cluster: Cluster, path: Path) -> None:
        self.cluster = cluster
        self.different: set[str] = set()
        self.state, self.component, self.gone, self.weight = "Synced", "Primary", False, 1
        self.addresses = ""
        self.close = UnixServer(path, self._talk).close

    def _talk(self, line: socket.socket) -> None:
        if not self.gone:
            salt = b"12345678", b"123456789012\0"
            caps = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x80000
            head = (
                b"\x0a5.5.5-10.11.6-MariaDB\0"
                + struct.pack("<I", 1)
                + salt[0]
                + b"\0"
                + struct.pack("<H", caps & 0xFFFF)
            )
            more = struct.pack("<BHHB", 45, 2, caps >> 16, 21) + bytes(10) + salt[1] + b"mysql_native_password\0"
            _send(line, 0, head + more)
            number, _ = _packet(line)
            _send(line, number + 1, _OK)
            while True:
                _, body = _packet(line)
                if body[:1] == b"\x01":
                    return
                for index, packet in enumerate(self._answer(body[1:].decode()), 1):
                    _send(line, index, packet)

    def _answer(self, sql: str) -> list[bytes]:
        for pattern, answer in _STATEMENTS:
            if found := re.match(pattern, sql, re.IGNORECASE):
                if answer is None:  # MariaDB 11, as it is in the image
                    refused = b"wsrep_provider_options cannot be changed while the wsrep-provider plugin is loaded"
                    return [b"\xff" + struct.pack("<H", 1210) + b"#HY000" + refused]
                return _result(answer(self, *found.groups()))
        return [b"\xff" + struct.pack("<H", 1064) + b"#42000" + f"not known in the lab: {sql[:80]}".encode()]

    def status(self, name: str) -> list[tuple[Any, ...]]:
        cluster = self.cluster
        said = {
            "wsrep_cluster_size": cluster.size(),
            "wsrep_local_state_comment": self.state,
            "wsrep_cluster_status": self.component,
            "wsrep_ready": "ON",
            "wsrep_last_committed": cluster.seqno(id(self)),
            "wsrep_cluster_state_uuid": "u",
            "wsrep_local_recv_queue": "0",
            "wsrep_incoming_addresses": self.addresses,
        }
        return [(key, str(value)) for key, value in said.items() if name in ("wsrep_%", key)]

    def options(self) -> list[tuple[Any, ...]]:
        return [
            (
                "wsrep_provider_options",
                f"gcache.size = 64M; pc.wait_prim = true; pc.weight = {self.weight}; pc.version = 0; ",
            )
        ]

    def votes(self) -> list[tuple[Any, ...]]:
        return [("wsrep_provider_pc_weight", str(self.weight))]

    def weigh(self, votes: str) -> int:
        self.weight = int(votes)
        return 0

    def listed(self, databases: str) -> list[tuple[Any, ...]]:
        wanted = re.findall(r"'([^']+)'", databases)
        return [(*name.split("."),) for name in sorted(self.cluster.tables) if name.split(".")[0] in wanted]

    def counts(self, sql: str) -> list[tuple[Any, ...]]:
        return [(name, self.cluster.tables[name][0]) for name in _named(sql)]

    def checksums(self, sql: str) -> list[tuple[Any, ...]]:
        return [(name, self._checksum(name)) for name in _named(sql)]

    def _checksum(self, name: str) -> int:
        beat = self.cluster.seqno(id(self)) if name in self.cluster.beating else 0
        return self.cluster.tables[name][1] + (name in self.different) * 1_000_000 + beat

    def delete(self, service: str, host: str) -> int:
        there = host in self.cluster.rows[service]
        self.cluster.rows[service].discard(host)
        return int(there)


_STATEMENTS: Sequence[tuple[str, Any]] = (
    (r"SHOW GLOBAL STATUS LIKE '(.+)'", Member.status),
    (r"SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_options'", Member.options),
    (r"SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_pc_weight'", Member.votes),
    (r"SET GLOBAL wsrep_provider_pc_weight = (\d+)", Member.weigh),
    (r"SET GLOBAL wsrep_provider_options = ", None),
    (r"SELECT table_schema, table_name .* IN \((.+)\)", Member.listed),
    (r"SELECT SUM\(data_length", lambda member: [(229_000_000,)]),
    (r"(SELECT '[\w.]+', COUNT\(\*\) FROM .+)", Member.counts),
    (r"CHECKSUM TABLE (.+) EXTENDED", Member.checksums),
    (r"SELECT s.name, u.decrypt_method", lambda member: member.cluster.stacks),
    (r"SELECT uuid, driver_info FROM ironic.nodes", lambda member: member.cluster.bmcs),
    (r"DELETE FROM heat.service WHERE host = '([^']+)'", lambda member, host: member.delete("heat", host)),
    (
        r"SELECT id, online FROM ironic.conductors WHERE hostname = '([^']+)'",
        lambda member, host: [(7, 0)] if host in member.cluster.rows["ironic"] else [],
    ),
    (r"SELECT COUNT\(\*\) FROM ironic.nodes", lambda member: [(0,)]),
    (r"DELETE FROM ironic.conductors WHERE id", lambda member: member.delete("ironic", "seed")),
    (r"(?:SET|START TRANSACTION|ROLLBACK|UPDATE|DELETE)", lambda member: 0),
)
_OK = b"\x00\x00\x00" + struct.pack("<HH", 2, 0)
_EOF = b"\xfe" + struct.pack("<HH", 0, 2)


def _named(sql: str) -> list[str]:
    return [f"{database}.{table}" for database, table in re.findall(r"`(\w+)`\.`(\w+)`", sql)]


def _result(answer: int | list[tuple[Any, ...]]) -> list[bytes]:
    """The packets of an answer: rows, or how many rows were changed."""
    if isinstance(answer, int):
        return [b"\x00" + bytes([answer]) + b"\x00" + struct.pack("<HH", 2, 0)]
    width = len(answer[0]) if answer else 1
    kinds = [_LONGLONG if isinstance(one, int) else _STRING for one in (answer[0] if answer else ("",))]
    columns = [
        b"".join(_text(one) for one in ("def", "", "", "", f"c{number}", ""))
        + struct.pack("<BHIBHBH", 12, 45, 1024, kind, 0, 0, 0)
        for number, kind in enumerate(kinds)
    ]
    rows = [b"".join(_text(str(one)) for one in row) for row in answer]
    return [bytes([width]), *columns, _EOF, *rows, _EOF]


def _text(value: str) -> bytes:
    raw = value.encode()
    return (bytes([len(raw)]) if len(raw) < 251 else b"\xfc" + struct.pack("<H", len(raw))) + raw


def _send(line: socket.socket, number: int, body: bytes) -> None:
    line.sendall(struct.pack("<I", len(body))[:3] + bytes([number & 255]) + body)


def _packet(line: socket.socket) -> tuple[int, bytes]:
    head = _exactly(line, 4)
    return head[3], _exactly(line, int.from_bytes(head[:3], "little"))


def _exactly(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = line.recv(size - len(found))
        if not piece:
            raise ConnectionError("closed")
        found += piece
    return found
