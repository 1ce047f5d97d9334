"""The machines as far as they are known, in `inventory.json` of the state folder. It holds no secret.

It is a notebook, not a proof: steps look at the real system to decide, and come here for addresses and names. Every
change is one atomic write under a lock. Refuses keys it does not know, so that a newer file is not silently cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from seedvm.base.addresses import order
from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import locked
from seedvm.base.files import write_private
from seedvm.base.typed_json import parse_own

FILE = "inventory.json"


@dataclass(frozen=True)
class Finding:
    """Something wrong or noteworthy with a BMC: a short name, what was seen, and the cure."""

    name: str
    detail: str
    cure: str


@dataclass(frozen=True)
class MachineFact:
    """One fact with the packet or answer that it came from and the time (RFC 3339)."""

    fact: str
    value: str
    source: str
    time: str


@dataclass(frozen=True)
class KnownMachine:
    """One machine, known by its BMC's address.

    `driver` is "ipmi" or "redfish" once a login was proven; `proven_user` is the account's name, the password is in secrets.yaml.
    `boot_mac` is set only when it is certain, `boot_mode` ("bios", "uefi") when the machine's own DHCP request said it.
    `unfit_reason` says why the machine cannot be used, `cure` what the operator does about it. `node` is the Ironic node's id, `name`
    what the operator's own list calls the machine. `rack`, `unit` (the lowest that it takes up) and `height` are where it stands, as
    `place_source` says. `powered_by_us` is set while we learn the boot MAC,
    with `powered_at` (seconds since the epoch), when that was. `tried` is the digest of the
    candidates that were tested when no account could be proven, `retry_at` (seconds since the epoch) when a new try makes sense
    although the candidates are the same.
    """

    bmc: str
    protocols: tuple[str, ...] = ()
    driver: str | None = None
    proven_user: str | None = None
    redfish_url: str | None = None
    redfish_system: str | None = None
    certificate: str | None = None
    guid: str | None = None
    uuid: str | None = None
    serial: str | None = None
    vendor: str | None = None
    model: str | None = None
    power: str | None = None
    macs: tuple[str, ...] = ()
    boot_mac: str | None = None
    boot_mac_source: str | None = None
    boot_mode: str | None = None
    powered_by_us: bool = False
    powered_at: float | None = None
    silent: bool = False
    findings: tuple[Finding, ...] = ()
    unfit_reason: str | None = None
    cure: str | None = None
    tried: str | None = None
    retry_at: float | None = None
    node: str | None = None
    name: str | None = None
    rack: str | None = None
    unit: int | None = None
    height: int | None = None
    place_source: str | None = None
    facts: tuple[MachineFact, ...] = ()

    @property
    def usable(self) -> bool:
        """A login was proven and nothing speaks against the machine so far."""
        return self.proven_user is not None and self.unfit_reason is None

    @property
    def old_ipmi(self) -> bool:
        """Its IPMI is 1.5 and nothing newer."""
        return "ipmi-1.5" in self.protocols and "ipmi-2.0" not in self.protocols


@dataclass(frozen=True)
class Inventory:
    """All machines in the order of their addresses, and the ranges that were scanned to find them."""

    ranges: tuple[str, ...] = ()
    machines: tuple[KnownMachine, ...] = field(default_factory=tuple)

    def machine(self, bmc: str) -> KnownMachine | None:
        return next((one for one in self.machines if one.bmc == bmc), None)

    def with_machines(self, changed: Iterable[KnownMachine]) -> Inventory:
        """This inventory with these machines put in or replaced."""
        all_ = {one.bmc: one for one in self.machines} | {one.bmc: one for one in changed}
        ordered = sorted(all_.values(), key=lambda one: order(one.bmc))
        return replace(self, machines=tuple(ordered))


def load(state_dir: Path) -> Inventory:
    """The inventory; an empty one when nothing was scanned yet."""
    path = state_dir / FILE
    try:
        tree = parse_own(path.read_bytes())
        ranges, rows = _list(tree, "ranges"), _list(tree, "machines")
        return Inventory(tuple(map(str, ranges)), tuple(_machine(row, at) for at, row in enumerate(rows, 1)))
    except FileNotFoundError:
        return Inventory()
    except ValueError as error:
        hint = (
            "correct it, or move the file away: the next run scans again, and the proven accounts stay in secrets.yaml"
        )
        raise SeedvmError(f"{path} cannot be read", why=str(error), hint=hint) from None


def save(state_dir: Path, inventory: Inventory) -> None:
    """Write it whole. Where others may write at the same time use `update` or `change`."""
    with locked(_lock(state_dir)):
        _write(state_dir, inventory)


def update(state_dir: Path, *machines: KnownMachine, ranges: Iterable[str] | None = None) -> Inventory:
    """Put machines in, replacing those with the same BMC; optionally note the ranges. Returns what is stored now."""
    with locked(_lock(state_dir)):
        inventory = load(state_dir).with_machines(machines)
        if ranges is not None:
            inventory = replace(inventory, ranges=tuple(ranges))
        _write(state_dir, inventory)
        return inventory


def change(state_dir: Path, bmc: str, **values: Any) -> KnownMachine:
    """Set fields of one machine under the lock and return it; a machine that is not there yet is made."""
    with locked(_lock(state_dir)):
        inventory = load(state_dir)
        machine = replace(inventory.machine(bmc) or KnownMachine(bmc), **values)
        _write(state_dir, inventory.with_machines((machine,)))
        return machine


def _write(state_dir: Path, inventory: Inventory) -> None:
    rows = ",\n".join(json.dumps(one, default=vars) for one in inventory.machines)  # a line each: quick, and diffs well
    ranges = json.dumps(inventory.ranges)
    write_private(state_dir / FILE, f'{{"ranges": {ranges}, "machines": [\n{rows}\n]}}\n')


def _lock(state_dir: Path) -> Path:
    return state_dir / f".{FILE}.lock"


def _list(tree: object, name: str) -> list[Any]:
    found = tree.get(name) if isinstance(tree, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"it has no list of {name}")
    return found


def _machine(row: object, at: int) -> KnownMachine:
    """A machine of the file, the one at the place `at`. Raises ValueError with what is wrong with it."""
    if not isinstance(row, dict) or not isinstance(row.get("bmc"), str):
        raise ValueError(f"machine {at} in it has no bmc")
    unknown = set(row) - {one.name for one in fields(KnownMachine)}
    if unknown:
        raise ValueError(f"machine {row['bmc']}: unknown key {', '.join(sorted(unknown))}")
    values: dict[str, Any] = dict(row)
    for name, kind in (("findings", Finding), ("facts", MachineFact), ("protocols", str), ("macs", str)):
        try:
            values[name] = tuple(one if kind is str else kind(**one) for one in row.get(name, ()))
        except TypeError:
            raise ValueError(f"machine {row['bmc']}: its {name} are not what this version writes") from None
    return KnownMachine(**values)
