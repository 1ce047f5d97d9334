"""`member digest`: row count and checksum of every table at one sequence number of the cluster. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field

from seedvm.controller import galera
from seedvm.services.load import installed


@dataclass(frozen=True)
class DigestRequest:
    """At which sequence number; how long to wait for it."""

    seqno: int
    databases: tuple[str, ...] = field(default_factory=lambda: installed().databases)
    seconds: float = 20.0


@dataclass(frozen=True)
class Digest:
    """The tables at `seqno`. `missed`: the member was at `seqno` instead of at the wanted number, and there are no tables."""

    seqno: int
    missed: bool
    tables: tuple[galera.TableDigest, ...] = ()


def digest(request: DigestRequest) -> Digest:
    """The digest of every table, or that the moment was missed."""
    with galera.connect(timeout=120) as connection:
        found = galera.snapshot_at(connection, request.seqno, request.databases, seconds=request.seconds)
    if isinstance(found, galera.Missed):
        return Digest(found.seqno, missed=True)
    return Digest(found.seqno, missed=False, tables=found.tables)
