"""All that is known of each machine, out of inventory.json and review.json, for people who ask. It reads and never decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from seedvm.base.json_tree import JSON
from seedvm.base.typed_json import encode
from seedvm.machines import inventory
from seedvm.site.review import ReviewMachine, read_review


@dataclass(frozen=True)
class Listed:
    """A machine of the inventory, and as inspection found it where the review has it."""

    known: inventory.KnownMachine
    inspected: ReviewMachine | None

    def tree(self) -> dict[str, JSON]:
        """For programs: the inventory's facts, and under `inspected` the review's."""
        return {**asdict(self.known), "inspected": encode(self.inspected) if self.inspected else None}


def read_machines(state_dir: Path) -> list[Listed]:
    """Each machine, by BMC address."""
    review = read_review(state_dir)
    reviewed = {one.bmc: one for one in review.machines} if review else {}
    return [Listed(one, reviewed.get(one.bmc)) for one in inventory.load(state_dir).machines]


def lines(machine: Listed) -> Iterator[str]:
    """One machine for a terminal."""
    known, found = machine.known, machine.inspected
    who = " ".join(filter(None, (known.name, known.vendor, known.model, found.serial if found else "")))
    yield f"{known.bmc}  {who}".rstrip()
    account = f"{known.driver} as {known.proven_user}" if known.proven_user else "no proven account"
    boot = f"boots from {known.boot_mac} ({known.boot_mac_source})" if known.boot_mac else "boot MAC unknown"
    yield f"    {account}; {boot}; {_power(known.power)}"
    if found is not None:
        yield from _inspected(found)
    for finding in known.findings:
        yield f"    {finding.name}: {finding.detail}. To fix: {finding.cure}"
    if known.unfit_reason:
        yield f"    UNFIT: {known.unfit_reason}. To fix: {known.cure or 'none known'}"
    elif found is not None and found.role:
        yield f"    {found.verdict}: {found.role}"


def _power(seen: str | None) -> str:
    return f"power {seen} when it was found" if seen else "power unknown"


def _inspected(found: ReviewMachine) -> Iterator[str]:
    if found.cpus:
        size = f"{found.cpus} CPUs, {found.memory_mib} MiB"
        yield f"    {', '.join(filter(None, (size, found.architecture, found.boot_mode, found.firmware)))}"
    for disk in found.disks:
        mark = "WIPE" if disk.wipe else "keep"
        yield f"    {mark} {disk.name} {disk.size_gib:g} GiB, serial {disk.serial or '-'}, holds {disk.holds}"
    for nic in found.nics:
        speed = f"{nic.mbps} Mb/s" if nic.mbps else "speed unknown"
        where = f", switch {nic.switch} port {nic.port}" if nic.port else ""
        yield f"    {nic.name} {nic.mac} {speed}{where}"
    for remark in found.remarks:
        yield f"    note: {remark}"
