"""`member digest`: row count and checksum of tables, all of one moment of this member. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field

from seedvm.controller import galera
from seedvm.services.load import installed


@dataclass(frozen=True)
class DigestRequest:
    """Which tables (database.table); none named: every table of the databases."""

    tables: tuple[str, ...] = ()
    databases: tuple[str, ...] = field(default_factory=lambda: installed().databases)


@dataclass(frozen=True)
class Digest:
    """The tables, of a moment in which transaction `seqno` was committed."""

    seqno: int
    tables: tuple[galera.TableDigest, ...] = ()


def digest(request: DigestRequest) -> Digest:
    """The digest of the tables."""
    with galera.connect(timeout=120) as connection:
        listed = tuple(map(galera.quoted, request.tables)) or galera.tables(connection, request.databases)
        found = galera.snapshot(connection, listed)
    return Digest(found.seqno, found.tables)
