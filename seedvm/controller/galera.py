"""This machine's own member of the Galera cluster, through its own socket: state, and digests of its tables.

A digest is taken within one consistent snapshot. Services write their heartbeats all the time, so two members' snapshots are seldom
of the same transaction: who compares them asks again for the tables that differ, and only for those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pymysql

from seedvm.base.errors import SeedvmError

_WEIGHT = re.compile(r"\bpc\.weight\s*=\s*(\d+)")
SOCKET = Path("/run/mysqld/mysqld.sock")
_TABLES_AT_ONCE = 64
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
    members: tuple[str, ...] = ()
    """The addresses of all members of its view, its own among them; those that give none are left out."""


class TableDigest(NamedTuple):
    """One table's row count and MariaDB's EXTENDED checksum."""

    table: str
    rows: int
    checksum: int


@dataclass(frozen=True)
class Snapshot:
    """Tables as they were in one moment, in which this member had committed transaction `seqno` at least."""

    seqno: int
    tables: tuple[TableDigest, ...]


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
        members=tuple(
            sorted(
                address
                for one in said.get("wsrep_incoming_addresses", "").split(",")
                if (address := one.strip().rpartition(":")[0])
            )
        ),
    )


def votes(connection: Connection) -> int:
    """How many votes this member has in its cluster (Galera's pc.weight)."""
    said = rows(connection, "SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_options'")
    found = _WEIGHT.search(str(said[0][1])) if said else None
    if found is None:
        raise SeedvmError(
            "Galera does not say how many votes this member has", why="pc.weight is not among its options"
        )
    return int(found[1])


def give_up_votes(connection: Connection) -> None:
    """This member's failure takes nothing from the others' majority any more. Until its next start; galera-prepare sees to that one.

    MariaDB 11 makes a variable of each option and refuses the text of all of them (1210); 10.11 knows the text alone.
    """
    if rows(connection, "SHOW GLOBAL VARIABLES LIKE 'wsrep_provider_pc_weight'"):
        rows(connection, "SET GLOBAL wsrep_provider_pc_weight = 0")
    else:
        rows(connection, "SET GLOBAL wsrep_provider_options = 'pc.weight=0'")


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


def snapshot(connection: Connection, listed: Sequence[str]) -> Snapshot:
    """Row count and checksum of these tables (each `database`.`table`), all as they were in one moment of this member."""
    least = seqno(connection)
    rows(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        return Snapshot(least, digest(connection, listed))
    finally:
        rows(connection, "ROLLBACK")


def digest(connection: Connection, listed: Sequence[str]) -> tuple[TableDigest, ...]:
    """Row count and checksum of each table, in the connection's present snapshot."""
    found = []
    for some in (listed[at : at + _TABLES_AT_ONCE] for at in range(0, len(listed), _TABLES_AT_ONCE)):
        counting = " UNION ALL ".join(f"SELECT '{_plain(table)}', COUNT(*) FROM {table}" for table in some)
        counts = {str(name): int(count) for name, count in rows(connection, counting)}
        for name, checksum in rows(connection, f"CHECKSUM TABLE {', '.join(some)} EXTENDED"):
            if checksum is None:
                raise SeedvmError(f"MariaDB returned no checksum for {name}", hint=f"CHECK TABLE {name}")
            found.append(TableDigest(str(name), counts[str(name)], int(checksum)))
    return tuple(found)


def quoted(table: str) -> str:
    """database.table as SQL has it."""
    return ".".join(f"`{part}`" for part in table.split(".", 1))


def _plain(table: str) -> str:
    return table.replace("`", "")
