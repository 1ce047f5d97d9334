"""This machine's own member of the Galera cluster, through its own socket: state, and digests of every table.

A digest is taken at one named moment of the cluster (a sequence number that all members share), inside a consistent snapshot, so
that members can be compared while services go on writing their heartbeats. It refuses to guess: a member that could not stop
at the wanted moment says so, and the caller names another.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pymysql

from seedvm.base.errors import SeedvmError

SOCKET = Path("/run/mysqld/mysqld.sock")
_SETTLE_SECONDS = 0.05
_LOOK_SECONDS = 0.003
Connection: TypeAlias = pymysql.Connection


@dataclass(frozen=True)
class GaleraStatus:
    """What this member says of itself and of its cluster."""

    cluster_size: int
    state: str
    cluster_status: str
    ready: bool
    seqno: int
    uuid: str
    healthy: bool
    """Synced, in the primary component, and answering."""


class TableDigest(NamedTuple):
    """One table's row count and MariaDB's EXTENDED checksum."""

    table: str
    rows: int
    checksum: int


@dataclass(frozen=True)
class Snapshot:
    """All tables of the service databases, as they were at one sequence number."""

    seqno: int
    tables: tuple[TableDigest, ...]


@dataclass(frozen=True)
class Missed:
    """The wanted sequence number was not caught: the member stood at `seqno` instead."""

    seqno: int


def connect(socket: Path = SOCKET, *, timeout: float = 30.0) -> Connection:
    """A connection as root by the local socket."""
    try:
        return pymysql.connect(
            unix_socket=str(socket),
            user="root",
            autocommit=True,
            read_timeout=timeout,
            write_timeout=timeout,
            connect_timeout=5,
        )
    except (pymysql.MySQLError, OSError) as error:
        raise SeedvmError(
            "MariaDB does not answer on this machine", why=str(error), hint="systemctl status mariadb"
        ) from error


def rows(connection: Connection, sql: str, values: Sequence[object] = ()) -> tuple[tuple[Any, ...], ...]:
    """All rows of one statement."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return tuple(cursor.fetchall())
    except pymysql.MySQLError as error:
        raise SeedvmError("MariaDB rejected a statement", why=f"{sql[:120]}: {error}") from error


def status(connection: Connection) -> GaleraStatus:
    """The member's wsrep status variables."""
    return parse_status(
        {str(name): str(value) for name, value in rows(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_%%'")}
    )


def parse_status(said: Mapping[str, str]) -> GaleraStatus:
    """SHOW STATUS rows -> GaleraStatus. A server without wsrep stands alone: cluster_size 0, state Disabled."""
    state = said.get("wsrep_local_state_comment") or "Disabled"
    cluster_status = said.get("wsrep_cluster_status") or "Disconnected"
    ready = said.get("wsrep_ready") == "ON"
    return GaleraStatus(
        cluster_size=int(said.get("wsrep_cluster_size") or 0),
        state=state,
        cluster_status=cluster_status,
        ready=ready,
        seqno=int(said.get("wsrep_last_committed") or -1),
        uuid=said.get("wsrep_cluster_state_uuid", ""),
        healthy=state == "Synced" and cluster_status == "Primary" and ready,
    )


def seqno(connection: Connection) -> int:
    """The last transaction that this member has committed."""
    return int(rows(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'")[0][1])


def tables(connection: Connection, databases: Iterable[str]) -> tuple[str, ...]:
    """Every base table of these databases as `database`.`table`; a database that is not there is an error."""
    wanted = tuple(databases)
    marks = ", ".join(["%s"] * len(wanted))
    found = rows(
        connection,
        "SELECT table_schema, table_name FROM information_schema.tables "
        f"WHERE table_type = 'BASE TABLE' AND table_schema IN ({marks}) ORDER BY 1, 2",
        wanted,
    )
    if missing := set(wanted) - {str(schema) for schema, _ in found}:
        raise SeedvmError(
            f"databases without a table: {', '.join(sorted(missing))}",
            hint="the seed creates the tables; on the seed: journalctl -u os-collect-config",
        )
    return tuple(f"`{schema}`.`{table}`" for schema, table in found)


def snapshot_at(
    connection: Connection, wanted: int, databases: Iterable[str], *, seconds: float = 20.0
) -> Snapshot | Missed:
    """All tables at sequence number `wanted`, or Missed if this member was past it (or never came to it)."""
    listed = tables(connection, databases)
    deadline = time.monotonic() + seconds
    while (now := seqno(connection)) < wanted:
        if time.monotonic() > deadline:
            return Missed(now)
        time.sleep(_LOOK_SECONDS)
    if now != wanted:
        return Missed(now)
    rows(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        # A commit becomes visible a moment apart from its count: only a moment in which nothing moved is a moment.
        time.sleep(_SETTLE_SECONDS)
        if (after := seqno(connection)) != wanted:
            return Missed(after)
        return Snapshot(wanted, digest(connection, listed))
    finally:
        rows(connection, "ROLLBACK")


def digest(connection: Connection, listed: Sequence[str]) -> tuple[TableDigest, ...]:
    """Row count and checksum of each table, in the connection's present snapshot."""
    found = []
    for table in listed:
        (count,) = rows(connection, f"SELECT COUNT(*) FROM {table}")[0]
        checksum = rows(connection, f"CHECKSUM TABLE {table} EXTENDED")[0][1]
        if checksum is None:
            raise SeedvmError(f"MariaDB returned no checksum for {table}", hint=f"CHECK TABLE {table}")
        found.append(TableDigest(table.replace("`", ""), int(count), int(checksum)))
    return tuple(found)
