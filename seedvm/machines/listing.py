"""All that is known of each machine, out of inventory.json and review.json, for people who ask. It reads and never decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.machines import inventory


def read_machines(state_dir: Path) -> list[dict[str, Any]]:
    """Each machine as one tree: the inventory's facts, and under `inspected` the review's; by BMC address."""
    reviewed = {one["bmc"]: one for one in _review(state_dir)}
    return [{**asdict(one), "inspected": reviewed.get(one.bmc)} for one in inventory.load(state_dir).machines]


def lines(machine: Mapping[str, Any]) -> Iterator[str]:
    """One machine for a terminal."""
    found: Mapping[str, Any] = machine["inspected"] or {}
    who = " ".join(filter(None, (machine["name"], machine["vendor"], machine["model"], found.get("serial"))))
    yield f"{machine['bmc']}  {who}".rstrip()
    account = f"{machine['driver']} as {machine['proven_user']}" if machine["proven_user"] else "no proven account"
    boot = (
        f"boots from {machine['boot_mac']} ({machine['boot_mac_source']})"
        if machine["boot_mac"]
        else "boot MAC unknown"
    )
    yield f"    {account}; {boot}; power {machine['power'] or 'unknown'}"
    if found.get("cpus"):
        told = (found.get("architecture"), found.get("boot_mode"), found.get("firmware"))
        size = f"{found['cpus']} CPUs, {found['memory_mib']} MiB"
        yield f"    {', '.join(filter(None, (size, *told)))}"
    for disk in found.get("disks", ()):
        mark = "WIPE" if disk["wipe"] else "keep"
        yield f"    {mark} {disk['name']} {disk['size_gib']:g} GiB, serial {disk['serial'] or '-'}, holds {disk['holds']}"
    for nic in found.get("nics", ()):
        speed = f"{nic['mbps']} Mb/s" if nic["mbps"] else "no known speed"
        where = f", switch {nic['switch']} port {nic['port']}" if nic["port"] else ""
        yield f"    {nic['name']} {nic['mac']} {speed}{where}"
    for remark in found.get("remarks", ()):
        yield f"    note: {remark}"
    for finding in machine["findings"]:
        yield f"    {finding['name']}: {finding['detail']}. Cure: {finding['cure']}"
    if machine["unfit_reason"]:
        yield f"    UNFIT: {machine['unfit_reason']}. Cure: {machine['cure'] or 'none known'}"
    elif found.get("role"):
        yield f"    {found['verdict']}: {found['role']}"


def _review(state_dir: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads((state_dir / "review.json").read_text())["machines"])
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SeedvmError(
            "review.json cannot be read",
            why=f"{type(error).__name__}: {error}",
            hint="run the engine again: it writes it anew",
        ) from None
