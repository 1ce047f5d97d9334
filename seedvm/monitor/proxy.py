"""HAProxy's statistics (`show stat`, CSV; management guide 3.0, 9.1) -> what it sees of each member's services. Pure."""

from __future__ import annotations

import csv

from seedvm.foreign.text import shown
from seedvm.monitor.model import Backend

_WHOLE = ("FRONTEND", "BACKEND")


def backends(text: str) -> tuple[Backend, ...]:
    """Each server of each proxy; a server that is not checked is left out."""
    lines = text.lstrip("# ").splitlines()
    rows = csv.DictReader(line for line in lines if line.strip())
    return tuple(
        Backend(
            service=row["pxname"] or "",
            member=row["svname"] or "",
            up=(row.get("status") or "").startswith("UP"),
            seconds=_number(row.get("lastchg")) or 0,
            ms=_number(row.get("check_duration")),
            why="" if (row.get("status") or "").startswith("UP") else _why(row),
        )
        for row in rows
        if row.get("svname") not in (*_WHOLE, None) and row.get("status") != "no check"
    )


def _why(row: dict[str, str | None]) -> str:
    """The last check in HAProxy's words: its code (L4CON, L7STS/503) and what was seen."""
    code = "/".join(filter(None, (row.get("check_status"), row.get("check_code"))))
    return shown(" ".join(filter(None, (code, row.get("last_chk")))), 120)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None
