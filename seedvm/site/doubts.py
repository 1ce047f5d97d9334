"""Doubts: what a hand-off can no longer measure, each with a name, and the operator's word on them.

A doubt keeps the seed here until the operator accepts it by its name, on the screen or by `seedvm handoff accept NAME`. The words are
`accepted.json` in the state folder; the receipt signs them. A word is given for one hand-off and for what the doubt said then: it
refuses to cover a doubt that has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode, encode

FILE = "accepted.json"


@dataclass(frozen=True)
class Doubt:
    """Something that was not proven: a name to accept it by, what it is, of which machine (empty: of none alone), why it cannot be
    measured any more or what it means, and what the operator may do instead of accepting it."""

    name: str
    what: str
    machine: str = ""
    why: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.what})"

    @property
    def key(self) -> tuple[str, str]:
        """What a word is given on; why it is so may be told in other words the next time."""
        return self.name, self.what


@dataclass(frozen=True)
class Accepted:
    """The operator's word on a doubt: who gave it and when (UTC, ISO 8601), for which hand-off, and what the doubt said."""

    name: str
    what: str
    by: str
    time: str
    attempt: str = ""

    def covers(self, doubt: Doubt, attempt: str) -> bool:
        return (self.name, self.what, self.attempt) == (doubt.name, doubt.what, attempt)


@dataclass(frozen=True)
class _Words:
    accepted: tuple[Accepted, ...] = ()


def accepted(state_dir: Path) -> tuple[Accepted, ...]:
    """Every word that was given, oldest first; a SeedvmError where the file is none of ours."""
    path = state_dir / FILE
    try:
        return decode(_Words, json.loads(path.read_text()), str(path)).accepted
    except FileNotFoundError:
        return ()
    except ValueError as error:
        hint = f"remove it, then accept the doubts again: {COMMAND} NAME"
        raise SeedvmError(f"{path} cannot be read", why=str(error), hint=hint) from None


def accept(state_dir: Path, doubts: Iterable[Doubt], typed: str, *, by: str, attempt: str) -> Accepted:
    """Keep the operator's word on the doubt of that name, on the disk when it returns. Raises SeedvmError for any other name."""
    open_ones = tuple(doubts)
    doubt = next((one for one in open_ones if one.name == typed), None)
    if doubt is None:
        listed = ", ".join(one.name for one in open_ones) or "none"
        raise SeedvmError(
            "Not accepted",
            why=f"no open doubt is named {typed!r}; open: {listed}",
            hint="type the name exactly as shown",
        )
    word = Accepted(doubt.name, doubt.what, by, datetime.now(UTC).isoformat(timespec="seconds"), attempt)
    others = tuple(one for one in accepted(state_dir) if not one.covers(doubt, attempt))
    write_private(state_dir / FILE, json.dumps(encode(_Words((*others, word))), indent=1) + "\n")
    return word


def words_on(doubts: Iterable[Doubt], given: Iterable[Accepted], attempt: str) -> tuple[Accepted, ...]:
    """The words that cover one of these doubts, in the doubts' order; of several the last one counts."""
    known = tuple(given)
    found = (next((word for word in reversed(known) if word.covers(one, attempt)), None) for one in doubts)
    return tuple(one for one in found if one is not None)


def open_of(doubts: Iterable[Doubt], given: Iterable[Accepted], attempt: str) -> tuple[Doubt, ...]:
    """The doubts on which there is no word."""
    known = tuple(given)
    return tuple(one for one in doubts if not any(word.covers(one, attempt) for word in known))


COMMAND = "seedvm handoff accept"
