"""What the laptop needs to carry the seed, what it has, and the cure for what it lacks. It changes nothing."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.capacity import free_bytes, memory_mib
from seedvm.base.errors import SeedvmError
from seedvm.host import kvm, power, watch
from seedvm.host.hypervisor import URI, connected
from seedvm.host.nics import LaptopNic, nics

_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "virsh": "libvirt-clients",
    "ip": "iproute2",
}
_SPARE_MIB = 512
_DISK_GIB = 15


@dataclass(frozen=True)
class Need:
    """One need. `must` says that the seed cannot run without it; the others are warnings."""

    name: str
    met: bool
    found: str
    cure: str = ""
    must: bool = True


def survey(folder: Path, *, memory_mib: int, uri: str = URI) -> tuple[Need, ...]:
    """All needs, each looked at."""
    fast, found = kvm.usable()
    return (
        _root(),
        _programs(),
        Need(
            "virtualisation",
            fast,
            found,
            "without it the seed is emulated: enough for practice, too slow to deploy",
            must=False,
        ),
        _libvirt(uri, fast),
        _memory(memory_mib),
        _room(folder),
        _awake(),
        Need(
            "mains", not power.warning(), power.warning() or "on mains, or no battery", "plug the laptop in", must=False
        ),
        *_ports(nics()),
    )


def _root() -> Need:
    return Need("rights", os.geteuid() == 0, f"user id {os.geteuid()}", "run as root: sudo seedvm host ...")


def _programs() -> Need:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = {program: package for program, package in _PROGRAMS.items() if shutil.which(program, path=path) is None}
    cure = f"apt-get install {' '.join(sorted(missing.values()))}"
    return Need("programs", not missing, f"missing: {', '.join(missing)}" if missing else "all installed", cure)


def _libvirt(uri: str, fast: bool) -> Need:
    try:
        with connected(uri) as hypervisor:
            library, qemu = hypervisor.version()
            if not hypervisor.capable("kvm" if fast else "qemu"):
                return Need(
                    "libvirt", False, f"libvirt {library}, QEMU {qemu}, no UEFI firmware", "apt-get install ovmf"
                )
            return Need("libvirt", True, f"libvirt {library}, QEMU {qemu}, UEFI firmware")
    except SeedvmError as error:
        return Need("libvirt", False, f"{error.what}: {error.why}", error.hint)


def _memory(wanted_mib: int) -> Need:
    found, needed = memory_mib("MemAvailable"), wanted_mib + _SPARE_MIB
    return Need(
        "memory",
        found >= needed,
        f"{found} MiB free, {needed} needed",
        "close other programs, or use a smaller --memory",
    )


def _room(folder: Path) -> Need:
    free = free_bytes(folder) >> 30
    return Need(
        "disk",
        free >= _DISK_GIB,
        f"{free} GiB free for {folder}, {_DISK_GIB} needed",
        "free disk space, or use another --folder",
    )


def _awake() -> Need:
    can = watch.can_inhibit()
    found = "sleep and lid switch are inhibited while the seed is on" if can else "no logind to inhibit sleep"
    return Need("sleep", can, found, "disable sleep in the system settings and keep the lid open", must=False)


def _ports(found: tuple[LaptopNic, ...]) -> tuple[Need, ...]:
    wired = [nic for nic in found if nic.kind == "wired"]
    first = Need(
        "ports",
        bool(wired),
        f"{len(wired)} wired",
        "plug in a USB network adapter; --port also accepts a bridge",
        must=False,
    )
    return (first, *(_port(nic) for nic in found if nic.kind in ("wired", "wifi", "bridge")))


def _port(nic: LaptopNic) -> Need:
    speed = f", {nic.speed_mbit} Mbit/s" if nic.speed_mbit else ""
    addresses = f", {', '.join(nic.addresses)}" if nic.addresses else ""
    warnings = nic.warnings()
    found = f"{nic.kind}, {'link' if nic.cable else 'no link'}{speed}{addresses}"
    return Need(f"port {nic.name}", not warnings, found, "; ".join(warnings), must=False)
