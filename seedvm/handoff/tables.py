"""Every table on every member, compared in rounds (decision 0030): once in the open, and once while writes are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.controller.galera import TableDigest
from seedvm.engine.step import Report
from seedvm.handoff import compare
from seedvm.handoff.members import Members
from seedvm.member import verbs
from seedvm.member.digest import Digest, DigestRequest

_ROUNDS = 20


@dataclass(frozen=True)
class Agreed:
    """Every table as all members had it; `seqno` is where that started, `moving` are the tables that services wrote to meanwhile."""

    seqno: int
    tables: tuple[TableDigest, ...]
    moving: tuple[str, ...]


async def agreed(members: Members, report: Report, moving: tuple[str, ...] = ()) -> Agreed:
    """Compare until all members agree on each table. `moving` are known to be written to all the time: they are looked at for longer."""
    rounds, found, start, often = compare.Rounds(), dict[str, TableDigest](), 0, moving
    for number in range(_ROUNDS):
        request = DigestRequest(rounds.open, often=often)
        said = await _digests(members, request)
        start = start or said[members.seed.name].seqno
        common = in_common(said)
        rounds.heard({name: _items(one, common) for name, one in said.items()})
        if rounds.stuck:
            raise SeedvmError(
                "the members' tables differ",
                why="; ".join(rounds.stuck[:5]),
                hint="on the node: systemctl restart mariadb",
            )
        found |= common
        often = rounds.open
        moving = tuple(sorted({*moving, *rounds.open}))
        if not rounds.open:
            report.fact("tables_compared", f"{len(found)} on {len(said)} members")
            return Agreed(start, tuple(found.values()), moving)
        report.log(f"round {number + 1}: {len(found)} tables agree; comparing again: {_few(rounds.open)}")
    raise SeedvmError(
        "some tables never were the same on all members",
        why=f"{_few(rounds.open)} changed in each of {_ROUNDS} rounds",
        hint="stop what writes to them through the VIP, then run again",
    )


async def _digests(members: Members, request: DigestRequest) -> dict[str, Digest]:
    return await members.ask_each(verbs.DIGEST, lambda _: request, of=(members.seed, *members.nodes), timeout=180)


def in_common(said: Mapping[str, Digest]) -> dict[str, TableDigest]:
    """The tables of which each member has seen the same rows at some moment, as they were then."""
    seen = set.intersection(*(set(one.tables) for one in said.values()))
    return {one.table: one for one in sorted(seen)}


def _items(said: Digest, common: Mapping[str, TableDigest]) -> dict[str, str]:
    """Table -> what this member has seen of it, in words that are the same where the members agree."""
    values: dict[str, list[list[int]]] = {}
    for table, rows, checksum in said.tables:
        if table not in common or common[table] == (table, rows, checksum):
            values.setdefault(table, []).append([rows, checksum])
    return {table: json.dumps(every[0] if len(every) == 1 else every) for table, every in values.items()}


def _few(tables: tuple[str, ...]) -> str:
    more = f" and {len(tables) - 4} more" if len(tables) > 4 else ""
    return ", ".join(tables[:4]) + more
