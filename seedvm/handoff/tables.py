"""Every table on every member, compared in rounds (decision 0030): once in the open, and once while writes are refused."""

from __future__ import annotations

import json

from seedvm.base.errors import SeedvmError
from seedvm.controller.galera import TableDigest
from seedvm.engine.step import Report
from seedvm.handoff import compare
from seedvm.handoff.members import Members
from seedvm.member import verbs
from seedvm.member.digest import Digest, DigestRequest

_ROUNDS = 20


async def agreed(members: Members, report: Report) -> Digest:
    """The seed's digest of every table, on each of which all members have agreed; `seqno` is where the comparison started."""
    rounds, found, start = compare.Rounds(), dict[str, TableDigest](), 0
    for number in range(_ROUNDS):
        said = await _digests(members, rounds.open)
        own = said[members.seed.name]
        start = start or own.seqno
        rounds.heard({name: _items(one) for name, one in said.items()})
        if rounds.stuck:
            raise SeedvmError(
                "the members' tables differ",
                why="; ".join(rounds.stuck[:5]),
                hint="on the node: systemctl restart mariadb",
            )
        found |= {one.table: one for one in own.tables}
        if not rounds.open:
            report.fact("tables_compared", f"{len(found)} on {len(said)} members")
            return Digest(start, tuple(found.values()))
        report.log(
            f"round {number + 1}: {len(found) - len(rounds.open)} tables agree; comparing again: {_few(rounds.open)}"
        )
    raise SeedvmError(
        "some tables never were the same on all members",
        why=f"{_few(rounds.open)} changed in each of {_ROUNDS} rounds",
        hint="stop what writes to them through the VIP, then run again",
    )


async def _digests(members: Members, tables: tuple[str, ...]) -> dict[str, Digest]:
    everybody = (members.seed, *members.nodes)
    return await members.ask_each(verbs.DIGEST, lambda _: DigestRequest(tables), of=everybody, timeout=180)


def _few(tables: tuple[str, ...]) -> str:
    more = f" and {len(tables) - 4} more" if len(tables) > 4 else ""
    return ", ".join(tables[:4]) + more


def _items(said: Digest) -> dict[str, str]:
    return {table: json.dumps([rows, checksum]) for table, rows, checksum in said.tables}
