"""Who becomes what: a verdict per machine against the undercloud's needs, and the roles. Pure; it asks nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from seedvm.cloud.ironic import Disk, Inventory
from seedvm.site import Needs, Site

Given: TypeAlias = Literal["undercloud", "spare"]
TRAIT = "CUSTOM_SEEDVM_UNDERCLOUD"  # the undercloud's flavor demands it, and its machines alone have it
_MEMORY_KEPT_BACK = 0.05  # firmware and kernel keep some of what was bought


@dataclass(frozen=True)
class Fall:
    """A requirement that a machine falls short of: `cpus`, `memory`, `disk` or `serial`, and the sentence."""

    requirement: str
    reason: str


@dataclass(frozen=True)
class Assignment:
    """Who has which role, by BMC; `lacking` is how many undercloud machines there are too few."""

    roles: Mapping[str, Given]
    lacking: int

    def order(self, bmc: str) -> int:
        """The place of an undercloud machine among its like, from 0."""
        return [one for one, role in self.roles.items() if role == "undercloud"].index(bmc)


def falls(found: Inventory, needs: Needs) -> tuple[Fall, ...]:
    """At which requirements a machine falls; empty when it is fit."""
    said = []
    if found.cpus < needs.cpus:
        said.append(Fall("cpus", f"{found.cpus} CPUs of {needs.cpus}"))
    if found.memory_mib < needs.memory_mib * (1 - _MEMORY_KEPT_BACK):
        said.append(Fall("memory", f"{found.memory_mib} MiB of memory of {needs.memory_mib}"))
    disk = root_disk(found, needs)
    if disk is None:
        largest = max((one.size for one in found.disks), default=0)
        said.append(
            Fall("disk", f"largest disk {largest / 2**30:.0f} GiB of {needs.disk_gib}" if largest else "no disk")
        )
    elif not disk.serial:
        said.append(Fall("serial", f"{disk.device} has no serial number to know it by"))
    return tuple(said)


def root_disk(found: Inventory, needs: Needs) -> Disk | None:
    """The smallest disk that is large enough, so that large data disks stay untouched; by device name when equal."""
    fitting = [one for one in found.disks if one.size >= needs.disk_gib * 2**30]
    return min(fitting, key=lambda one: (one.size, one.device), default=None)


def assign(site: Site, fit: Sequence[str]) -> Assignment:
    """Roles for the fit machines, given by BMC address in the order of the addresses. The operator's word goes first."""
    wanted = len(site.provisioning.undercloud)
    said = {bmc: site.machine(bmc).role for bmc in fit}
    undercloud = [bmc for bmc in fit if said[bmc] == "undercloud"][:wanted]
    undercloud += [bmc for bmc in fit if said[bmc] is None][: wanted - len(undercloud)]
    roles: dict[str, Given] = {
        bmc: "undercloud" if bmc in undercloud else "spare" for bmc in fit if said[bmc] != "exclude"
    }
    return Assignment(roles, wanted - len(undercloud))


def shortage(lacking: int, wanted: int, fallen: Sequence[Fall], others: Sequence[str]) -> str:
    """One sentence on why there are too few: how many fell at which requirement, and what else speaks against machines."""
    counts = Counter(one.requirement for one in fallen)
    parts = [f"{count} fell at {name}" for name, count in counts.most_common()] + list(others)
    return f"{lacking} of {wanted} undercloud machines are missing" + (f": {'; '.join(parts)}" if parts else "")
