"""Do the members hold the same? Pure comparison of what each member said about itself.

It refuses empty sets: members that agree about nothing have proved nothing. Tables are compared in rounds: services write their
heartbeats all the time, and two members are seldom seen at the same transaction. A table on which all agree is proven; the others
are asked for again. What differs twice without a change on any member is a real difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Values: TypeAlias = Mapping[str, str]
"""Item -> value, as one member has it."""


class DatabaseDigest(NamedTuple):
    """One database in a line for the receipt: how many tables and rows, and a SHA-256 over all its table digests."""

    database: str
    tables: int
    rows: int
    sha256: str


@dataclass
class Rounds:
    """The rounds of one comparison. `open` are the items to ask for in the next one; none before the first means every item."""

    open: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    """Sentences on what differs although nothing moved between two rounds."""
    _last: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def heard(self, said: Mapping[str, Values]) -> None:
        """Take in what each member said in this round of the items asked for."""
        problems = differences(said)
        if len(said) < 2 or not all(said.values()):
            self.stuck = problems
            return
        every = {item for items in said.values() for item in items}
        now = {item: {member: items.get(item, "missing") for member, items in said.items()} for item in every}
        self.open = tuple(sorted(item for item, values in now.items() if len(set(values.values())) > 1))
        still = {item for item in self.open if self._last.get(item) == now[item]}
        self.stuck = tuple(one for one in problems if one.partition(" ")[0] in still)
        self._last = {item: now[item] for item in self.open}


def differences(said: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Member -> (item -> value): every item on which members are not of one mind, as a sentence.

    An empty answer, a member that said nothing and an item that a member lacks are differences.
    """
    if len(said) < 2:
        return ("fewer than two members were compared",)
    if silent := sorted(member for member, items in said.items() if not items):
        return tuple(f"{member} has nothing to compare" for member in silent)
    found = []
    for item in sorted({item for items in said.values() for item in items}):
        values = {member: items.get(item, "missing") for member, items in said.items()}
        if len(set(values.values())) > 1:
            told = ", ".join(f"{member}: {value[:16]}" for member, value in sorted(values.items()))
            found.append(f"{item} ({told})")
    return tuple(found)


def by_database(tables: Sequence[tuple[str, int, int]]) -> tuple[DatabaseDigest, ...]:
    """(database.table, rows, checksum) -> one line per database, in order of name."""
    grouped: dict[str, list[tuple[str, int, int]]] = {}
    for name, rows, checksum in sorted(tables):
        grouped.setdefault(name.split(".", 1)[0], []).append((name, rows, checksum))
    return tuple(
        DatabaseDigest(database, len(items), sum(rows for _, rows, _ in items), _sha256(items))
        for database, items in sorted(grouped.items())
    )


def _sha256(items: Sequence[tuple[str, int, int]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {rows} {checksum}" for name, rows, checksum in items).encode()).hexdigest()
