"""What the operator is asked and what he answered: `review.json` and `confirmed.json`, each parsed and written in this one place.

The engine writes the review, the screen or `--yes-wipe` the confirmation, which counts for exactly the disks that it names. A file that
is damaged or another's is refused with its name and the reason; nothing in it is guessed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode, encode

REVIEW, CONFIRMED = "review.json", "confirmed.json"
T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Wipe:
    """A disk that may be overwritten: the BMC's address, the machine's serial, the disk's device."""

    bmc: str
    serial: str
    disk: str


@dataclass(frozen=True)
class ReviewDisk:
    """A disk as inspection saw it; `wipe` says whether the deployment would write it, `holds` what is on it now."""

    name: str
    serial: str = ""
    size_gib: float = 0.0
    wipe: bool = False
    holds: str = ""


@dataclass(frozen=True)
class ReviewNic:
    """A NIC; `mbps` is None without a link, `switch` and `port` are the other end's words (LLDP)."""

    name: str
    mac: str
    mbps: int | None
    switch: str = ""
    port: str = ""


@dataclass(frozen=True)
class ReviewMachine:
    """A machine of the review: `verdict` is fit or unfit, `why` its reason. What inspection did not find is empty or 0;
    `clock_ahead` is in seconds, None where it was not read."""

    bmc: str
    name: str = ""
    role: str = ""
    driver: str = ""
    serial: str = ""
    cpus: int = 0
    memory_mib: int = 0
    disks: tuple[ReviewDisk, ...] = ()
    verdict: str = ""
    why: str = ""
    product: str = ""
    architecture: str = ""
    firmware: str = ""
    boot_mode: str = ""
    boot_mac: str = ""
    clock_ahead: float | None = None
    nics: tuple[ReviewNic, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def wiped(self) -> tuple[ReviewDisk, ...]:
        """The disks that would be written."""
        return tuple(disk for disk in self.disks if disk.wipe)


@dataclass(frozen=True)
class Review:
    """What the engine asks the operator to confirm."""

    site: str
    machines: tuple[ReviewMachine, ...]

    @property
    def to_wipe(self) -> tuple[ReviewMachine, ...]:
        """Machines with a disk that would be written."""
        return tuple(machine for machine in self.machines if machine.wiped)

    @property
    def untouched(self) -> tuple[ReviewMachine, ...]:
        """Machines of which nothing would be written."""
        return tuple(machine for machine in self.machines if not machine.wiped)

    @property
    def wipes(self) -> frozenset[Wipe]:
        """The disks that would be written."""
        return frozenset(Wipe(one.bmc, one.serial, disk.name) for one in self.machines for disk in one.wiped)

    def swapped(self, node: str, spare: str) -> Review:
        """The review after a replacement: the spare, by its BMC, has the node's name and role; the node has none and says why."""
        return replace(self, machines=tuple(_swapped(one, node, spare) for one in self.machines))


@dataclass(frozen=True)
class Confirmation:
    """The disks of this site that the operator allowed to be wiped, and when (RFC 3339, UTC)."""

    site: str
    time: str
    wipe: tuple[Wipe, ...]

    def covers(self, review: Review) -> bool:
        """Whether it names exactly the disks of this review, and there is one."""
        return bool(review.wipes) and self.site == review.site and frozenset(self.wipe) == review.wipes


def _swapped(machine: ReviewMachine, node: str, spare: str) -> ReviewMachine:
    if machine.bmc == spare:
        return replace(machine, name=node, role="undercloud")
    if machine.name == node:
        disks = tuple(replace(disk, wipe=False) for disk in machine.disks)
        why = f"replaced by {spare}"
        return replace(machine, name=machine.bmc, role="unfit", verdict="unfit", why=why, disks=disks)
    return machine


def parse_review(text: str) -> Review:
    """The review in `review.json`. Raises SeedvmError where it is not one."""
    return _parse(Review, text, REVIEW, "run the engine again to write a new one")


def parse_confirmed(text: str) -> Confirmation:
    """The confirmation in `confirmed.json`. Raises SeedvmError where it is not one."""
    return _parse(Confirmation, text, CONFIRMED, "confirm again")


def read_review(state_dir: Path) -> Review | None:
    """The review of a state folder, None where there is none yet. Raises SeedvmError where the file is not one."""
    try:
        return parse_review((state_dir / REVIEW).read_text())
    except FileNotFoundError:
        return None


def read_confirmed(state_dir: Path) -> Confirmation | None:
    """The confirmation of a state folder, None where there is none yet. Raises SeedvmError where the file is not one."""
    try:
        return parse_confirmed((state_dir / CONFIRMED).read_text())
    except FileNotFoundError:
        return None


def text_of(file: Review | Confirmation) -> str:
    """The file's text."""
    return json.dumps(encode(file), indent=1) + "\n"


def confirmation(review: Review, typed: str, time: str) -> str:
    """Text of `confirmed.json`, once the site's name was typed exactly. Raises SeedvmError otherwise."""
    if typed != review.site:
        raise SeedvmError(
            "Not confirmed", why="the text does not match the site name", hint=f"type {review.site} exactly"
        )
    return text_of(Confirmation(review.site, time, tuple(sorted(review.wipes))))


def _parse(kind: type[T], text: str, name: str, hint: str) -> T:
    try:
        return decode(kind, json.loads(text), name)
    except SeedvmError as error:
        why = error.why
    except (ValueError, RecursionError) as error:
        why = f"not JSON: {error}"
    raise SeedvmError(f"{name} cannot be read", why=why, hint=hint)
