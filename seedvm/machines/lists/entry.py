"""One machine of a list, and what was found in a list as a whole. Passwords are Secrets from here on."""

from __future__ import annotations

from dataclasses import dataclass, field

from seedvm.base.errors import Problem
from seedvm.base.secret import Secret


@dataclass(frozen=True)
class Places:
    """Where an entry's values are, in the list's own words: a column's name, or the path of a key."""

    address: str = "address"
    user: str = "user"
    password: str = "password"
    mac: str = "mac"


@dataclass(frozen=True)
class ListEntry:
    """One machine of a list; what the list does not say is None or empty. `line` counts from 1. `macs` are all of its NICs, `boot_mac`
    the one that the list names as the NIC that boots. `unit` is the lowest rack unit that it takes up, `height` how many it takes up."""

    address: str
    user: str | None = None
    password: Secret | None = None
    macs: tuple[str, ...] = ()
    name: str | None = None
    driver: str | None = None
    line: int = 0
    boot_mac: str | None = None
    rack: str | None = None
    unit: int | None = None
    height: int | None = None
    at: Places = field(default=Places(), compare=False)


@dataclass(frozen=True)
class MachineList:
    """A list as it was read. `form` names its format; `refused` is what cannot be taken, with the reason; `left_out` names the
    rows that are not among `entries` for it; `remarks` says what is not used, or is to be known."""

    form: str
    entries: tuple[ListEntry, ...]
    refused: tuple[Problem, ...]
    remarks: tuple[str, ...]
    left_out: tuple[str, ...] = ()
