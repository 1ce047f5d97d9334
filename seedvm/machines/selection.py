"""Who becomes what: a verdict per machine against the undercloud's needs, and the roles. Pure: it contacts nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from seedvm.machines.hardware import HINTS, Disk, Hardware
from seedvm.site.model import Needs, Site

Given: TypeAlias = Literal["undercloud", "spare"]
TRAIT = "CUSTOM_SEEDVM_UNDERCLOUD"  # the undercloud's flavor demands it, and its machines alone have it
ARCHITECTURE = "x86_64"  # of the golden image
LEAST_MBPS = 1000
# The agent's certificate is valid from an hour before its own clock's time to 90 days after it; the boot takes some of that.
CLOCK_AHEAD_SECONDS, CLOCK_BEHIND_SECONDS = 3000.0, 80 * 86400.0
CLOCK_REMARK_SECONDS = 600.0
_OPERATOR = re.compile(
    r"\s*(s?(==|!=|<=|>=|<|>)|=|<(in|or|all-in|range-in)>)", re.IGNORECASE
)  # of oslo.utils' specs_matcher
_GROW = "add what is missing, or exclude the machine"
_READ_AGAIN = "run again: it is inspected again; if this continues, exclude the machine"
_MEMORY_KEPT_BACK = 0.05  # firmware and kernel keep some of what was bought


@dataclass(frozen=True)
class Fall:
    """A requirement that a machine falls short of (`architecture`, `cpus`, `memory`, `disk`, `serial`, `link` or `clock`), the
    sentence, and what the operator does about it."""

    requirement: str
    reason: str
    cure: str = ""


@dataclass(frozen=True)
class Assignment:
    """Who has which role, by BMC; `lacking` is how many undercloud machines there are too few."""

    roles: Mapping[str, Given]
    lacking: int

    def order(self, bmc: str) -> int:
        """The place of an undercloud machine among its like, from 0."""
        return [one for one, role in self.roles.items() if role == "undercloud"].index(bmc)


def falls(found: Hardware, needs: Needs) -> tuple[Fall, ...]:
    """At which requirements a machine falls; empty when it is fit. CPUs, memory and disks must be known; what else could not be read is not
    held against it."""
    said = []
    if found.architecture not in ("", ARCHITECTURE):
        said.append(
            Fall(
                "architecture",
                f"architecture {found.architecture}, but the image is for {ARCHITECTURE}",
                "exclude the machine",
            )
        )
    if found.cpus < needs.cpus:
        said.append(_short("cpus", found.cpus, f"{found.cpus} CPUs", "number of CPUs", f"{needs.cpus}"))
    if found.memory_mib < needs.memory_mib * (1 - _MEMORY_KEPT_BACK):
        has = f"{found.memory_mib} MiB of memory"
        said.append(_short("memory", found.memory_mib, has, "amount of memory", f"{needs.memory_mib}"))
    disk = root_disk(found, needs)
    if disk is None:
        largest = max((one.size for one in found.disks), default=0)
        has = f"largest disk {largest / 2**30:.0f} GiB"
        none = Fall("disk", "no disk", _GROW)
        short = _short("disk", largest, has, "size of its disks", f"{needs.disk_gib}")
        said.append(short if found.disks else none)
    elif root_hint(found, disk) is None:
        cure = "exclude the machine, or configure its disk controller to report a serial number"
        said.append(Fall("serial", f"{disk.device} has no unique serial number or WWN to identify it by", cure))
    said += _of_link(found)
    if _clock_breaks(found.clock_ahead):
        cure = "set its clock to UTC in its firmware setup; otherwise the agent's certificate is rejected"
        said.append(Fall("clock", _of_clock(found.clock_ahead or 0), cure))
    return tuple(said)


def _short(requirement: str, read: int, has: str, what: str, wanted: str) -> Fall:
    """Too little of something; where it was not `read`, that is said and not that there is none."""
    if read:
        return Fall(requirement, f"{has}, {wanted} required", _GROW)
    return Fall(requirement, f"the inspection did not read the {what}, {wanted} required", _READ_AGAIN)


def remarks(found: Hardware) -> tuple[str, ...]:
    """What the operator had better know of a machine that is fit all the same."""
    said = []
    ahead = found.clock_ahead or 0.0
    if abs(ahead) > CLOCK_REMARK_SECONDS and not _clock_breaks(ahead):
        said.append(f"{_of_clock(ahead)}: set it to UTC")
    slow = [one for one in found.nics if one != found.boot_nic and one.mbps is not None and one.mbps < LEAST_MBPS]
    said += [f"{one.name} has a link of {one.mbps} Mb/s" for one in slow]
    said += [
        f"{one.device}: its {' and '.join(one.unreadable)} cannot identify it: too long, or with control characters"
        for one in found.disks
        if one.unreadable
    ]
    return tuple(said)


def _clock_breaks(ahead: float | None) -> bool:
    return ahead is not None and not -CLOCK_BEHIND_SECONDS < ahead < CLOCK_AHEAD_SECONDS


def _of_clock(ahead: float) -> str:
    return f"its clock is {abs(ahead) / 60:.0f} minutes {'ahead' if ahead > 0 else 'behind'}"


def _of_link(found: Hardware) -> list[Fall]:
    """The 100 Mb trap: one bad pair in the cable, and the image takes an hour."""
    nic = found.boot_nic
    if nic is None or nic.mbps is None or nic.mbps >= LEAST_MBPS:
        return []
    where = f" (switch {nic.switch}, port {nic.port})" if nic.port else ""
    cure = f"replace the cable, or check the speed of the switch port{where}"
    return [Fall("link", f"{nic.name} has a link of {nic.mbps} Mb/s, {LEAST_MBPS} required", cure)]


def root_disk(found: Hardware, needs: Needs) -> Disk | None:
    """The smallest disk that is large enough, so that large data disks stay untouched; one that can be known again goes before one
    that cannot, and equal ones go by device name."""
    fitting = [one for one in found.disks if one.size >= needs.disk_gib * 2**30]
    return min(fitting, key=lambda one: (root_hint(found, one) is None, one.size, one.device), default=None)


def root_hint(found: Hardware, disk: Disk) -> Mapping[str, str] | None:
    """By what Ironic finds the disk again: its serial number, else its WWN (World Wide Name); None where neither is its alone.

    Ironic compares without regard to case and to spaces at the ends, and reads a value that begins with one of its operators as one.
    """
    for name in HINTS:
        value = str(getattr(disk, name))
        if not value or _OPERATOR.match(value):
            continue
        if [_compared(getattr(one, name)) for one in found.disks].count(_compared(value)) == 1:
            return {name: value}
    return None


def is_root(disk: Disk, hint: Mapping[str, object]) -> bool:
    """Whether a node's `root_device`, as root_hint makes it, means this disk."""
    return bool(hint) and all(_compared(getattr(disk, name, None)) == _compared(value) for name, value in hint.items())


def _compared(value: object) -> str:
    """As ironic-python-agent's device_hints compares."""
    return str(value).strip().lower()


def assign(site: Site, fit: Sequence[str]) -> Assignment:
    """Roles for the fit machines, given by BMC address in the order of the addresses. The operator's word goes first."""
    wanted = len(site.controllers)
    said = {bmc: site.machine(bmc).role for bmc in fit}
    undercloud = [bmc for bmc in fit if said[bmc] == "undercloud"][:wanted]
    undercloud += [bmc for bmc in fit if said[bmc] is None][: wanted - len(undercloud)]
    roles: dict[str, Given] = {
        bmc: "undercloud" if bmc in undercloud else "spare" for bmc in fit if said[bmc] != "exclude"
    }
    return Assignment(roles, wanted - len(undercloud))


def shortage(lacking: int, wanted: int, fallen: Sequence[Fall], others: Sequence[str]) -> str:
    """One sentence on why there are too few: how many were rejected because of which requirement, and what else excludes machines."""
    counts = Counter(one.requirement for one in fallen)
    parts = [f"{count} rejected because of {name}" for name, count in counts.most_common()] + list(others)
    return f"{lacking} of {wanted} undercloud machines are missing" + (f": {'; '.join(parts)}" if parts else "")
