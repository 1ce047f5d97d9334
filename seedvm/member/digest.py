"""`member digest`: row count and checksum of every table at one sequence number of the cluster. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedvm.controller import galera


def digest(request: Mapping[str, Any]) -> dict[str, Any]:
    """Request: seqno; optional databases, seconds. Answer: {seqno, tables: [[name, rows, checksum]]}, or {seqno, missed: true}."""
    databases = request.get("databases") or galera.DATABASES
    with galera.connect(timeout=120) as connection:
        found = galera.snapshot_at(
            connection, int(request["seqno"]), databases, seconds=float(request.get("seconds", 20))
        )
    if isinstance(found, galera.Missed):
        return {"seqno": found.seqno, "missed": True}
    return {
        "seqno": found.seqno,
        "missed": False,
        "tables": [[one.table, one.rows, one.checksum] for one in found.tables],
    }
