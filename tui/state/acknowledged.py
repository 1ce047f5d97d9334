"""`acknowledged.json` of the state folder: the failures that the operator has read, by machine and time. Another one of the same machine
is new. The screen alone reads and writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.base.typed_json import decode, encode
from seedvm.engine.state import MachineFailure

FILE = "acknowledged.json"
_Key = tuple[str, str]


@dataclass(frozen=True)
class _Read:
    """A machine as the journal names it, and when it failed (UTC, ISO 8601)."""

    node: str
    time: str


@dataclass(frozen=True)
class _File:
    failures: tuple[_Read, ...] = ()


def key_of(failure: MachineFailure) -> _Key:
    """What it is acknowledged by."""
    return failure.node, datetime.fromtimestamp(failure.time, UTC).isoformat(timespec="milliseconds")


def parse_acknowledged(text: str) -> frozenset[_Key]:
    """The keys in the file. Raises SeedvmError where it is damaged."""
    try:
        found = decode(_File, json.loads(text), FILE)
    except ValueError as error:
        raise SeedvmError(f"{FILE} cannot be read", why=str(error), hint="remove it, and acknowledge again") from None
    return frozenset((one.node, one.time) for one in found.failures)


def acknowledge(state_dir: Path, failures: Iterable[MachineFailure]) -> None:
    """Keep that these were read."""
    path = state_dir / FILE
    known = parse_acknowledged(path.read_text()) if path.exists() else frozenset()
    every = sorted(known.union(map(key_of, failures)))
    write_atomic(path, json.dumps(encode(_File(tuple(_Read(*one) for one in every))), indent=1) + "\n")
