"""`member digest`: row count and checksum of tables, all of one moment of this member; of some also what they were later. Reads only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from seedvm.controller import galera
from seedvm.services.load import installed

_LOOKS = 10
_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class DigestRequest:
    """Which tables (database.table); none named: every table of the databases. `often` are looked at for two seconds more: services
    write to them all the time, and members agree on such a table when each has seen it with the same rows at some moment."""

    tables: tuple[str, ...] = ()
    often: tuple[str, ...] = ()
    databases: tuple[str, ...] = field(default_factory=lambda: installed().databases)


@dataclass(frozen=True)
class Digest:
    """The tables, of a moment in which transaction `seqno` was committed; some of them again, as they were later."""

    seqno: int
    tables: tuple[galera.TableDigest, ...] = ()


def digest(request: DigestRequest) -> Digest:
    """The digest of the tables."""
    with galera.connect(timeout=120) as connection:
        listed = tuple(map(galera.quoted, request.tables)) or galera.tables(connection, request.databases)
        found = galera.snapshot(connection, listed)
        seen = [*found.tables]
        for _ in range(_LOOKS if request.often else 0):
            time.sleep(_EVERY_SECONDS)
            seen += galera.snapshot(connection, tuple(map(galera.quoted, request.often))).tables
    return Digest(found.seqno, tuple(dict.fromkeys(seen)))
