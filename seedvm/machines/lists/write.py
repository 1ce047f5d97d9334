"""A list of machines as other tools read it: CSV, TripleO's instackenv.json, YAML for `baremetal create`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.machines.lists.entry import ListEntry

FORMATS = ("csv", "instackenv", "ironic")


def write(entries: Iterable[ListEntry], form: str, *, passwords: bool = False) -> str:
    """The list in one of FORMATS; without `passwords` it may be handed around."""
    rows = [entry if passwords else replace(entry, password=None) for entry in entries]
    if form == "csv":
        return _as_csv(rows)
    if form == "instackenv":
        return json.dumps({"nodes": [_instackenv(row) for row in rows]}, indent=2, ensure_ascii=False) + "\n"
    if form == "ironic":
        return yaml.safe_dump({"nodes": [_ironic(row) for row in rows]}, sort_keys=False, allow_unicode=True)
    raise SeedvmError(f"unknown format {form}", hint=f"use one of: {', '.join(FORMATS)}")


def _as_csv(rows: Sequence[ListEntry]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    marked = any(_marks(row) for row in rows)
    placed = any(row.rack or row.unit for row in rows)
    heading = ("name", "address", "driver", "user", "password", "mac")
    writer.writerow(
        (*heading, *(("boot_mac", "other_macs") if marked else ()), *(("rack", "u", "height") if placed else ()))
    )
    for row in rows:
        secret = row.password.reveal() if row.password else ""
        macs = (row.boot_mac,) if _marks(row) else row.macs
        cells = [row.name or "", row.address, row.driver or "", row.user or "", secret, " ".join(filter(None, macs))]
        if marked:
            others = [mac for mac in row.macs if mac != row.boot_mac] if _marks(row) else []
            cells += [row.boot_mac or "", " ".join(others)]
        if placed:
            cells += [row.rack or "", str(row.unit or ""), str(row.height or "")]
        writer.writerow(cells)
    return out.getvalue()


def _marks(row: ListEntry) -> bool:
    """Whether it has to be said which of several NICs boots."""
    return row.boot_mac is not None and len(row.macs) > 1


def _ports(row: ListEntry) -> list[dict[str, object]]:
    return [{"address": mac} | ({"pxe_enabled": mac == row.boot_mac} if _marks(row) else {}) for mac in row.macs]


def _instackenv(row: ListEntry) -> dict[str, object]:
    tree = {"name": row.name, "pm_type": row.driver or "ipmi", "pm_addr": row.address, "pm_user": row.user}
    tree["pm_password"] = row.password.reveal() if row.password else None
    return {name: value for name, value in tree.items() if value} | {"ports": _ports(row)}


def _ironic(row: ListEntry) -> dict[str, object]:
    driver = row.driver or "ipmi"
    prefix = "ipmi" if driver == "ipmi" else "redfish"
    host = f"[{row.address}]" if ":" in row.address else row.address
    info = {f"{prefix}_address": row.address if prefix == "ipmi" else f"https://{host}", f"{prefix}_username": row.user}
    info[f"{prefix}_password"] = row.password.reveal() if row.password else None
    tree: dict[str, object] = {"name": row.name} if row.name else {}
    tree |= {"driver": driver, "driver_info": {name: value for name, value in info.items() if value}}
    return tree | ({"ports": _ports(row)} if row.macs else {})
