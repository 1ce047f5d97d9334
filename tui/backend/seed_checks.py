"""What the wizard itself can see of the seed before anything is described: root, clock, memory, disk, images, NICs. Reads only.

It judges by `seedvm.site.limits`, as the engine's preflight does, and refuses to say more than it saw: the wire, the VIP and foreign
DHCP servers are the engine's preflight to look at.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.capacity import free_bytes, memory_mib
from seedvm.base.nics import SystemNic
from seedvm.site import limits

IMAGES_DIR = Path("/srv/seedvm/images")
_IMAGES = ("golden.json", "golden.raw", "ramdisk.kernel", "ramdisk.initramfs")
# The appliance brings its images packed; seedvm-images.service makes whole ones of them at the first boot.
_CARRIED = Path("/state/carried")


@dataclass(frozen=True)
class Look:
    """One thing that was looked at; `cure` is empty where it is good."""

    name: str
    seen: str
    cure: str = ""

    @property
    def good(self) -> bool:
        return not self.cure


def looks(images_dir: Path | None, nics: tuple[SystemNic, ...], *, stored: bool = False) -> tuple[Look, ...]:
    """All of it, in the order of the page; `stored` says that Glance has the golden image already."""
    folder = images_dir or IMAGES_DIR
    return (*map(_nic, nics), _root(), _clock(folder), _memory(), _disk(folder, stored), _images(folder))


def _root() -> Look:
    if os.geteuid() == 0:
        return Look("rights", "the wizard runs as root")
    return Look("rights", "the wizard does not run as root", "start it with sudo; on the appliance it runs as root")


def _clock(folder: Path) -> Look:
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    golden = folder / "golden.raw"
    trouble = limits.clock(time.time(), golden.stat().st_mtime if golden.exists() else None)
    if trouble is not None:
        return Look("clock", f"{shown}: {trouble.what}", trouble.cure)
    return Look("clock", f"{shown} (correct? a wrong clock breaks TLS)")


def _memory() -> Look:
    total = memory_mib()
    trouble = limits.memory(total)
    return Look("memory", f"{total} MiB", trouble.cure if trouble else "")


def _disk(folder: Path, stored: bool) -> Look:
    free = free_bytes(limits.STORE)
    golden = next((path for path in (folder / "golden.raw", _begun(folder)) if path.exists()), None)
    size = golden.stat().st_blocks * 512 if golden is not None else 0
    trouble = limits.disk(free, size, stored=stored)
    return Look("disk", trouble.what if trouble else f"{free / 2**30:.1f} GiB free", trouble.cure if trouble else "")


def images_to_come(folder: Path) -> bool:
    """Whether the appliance is still putting its images together there; the engine's unit waits for that."""
    begun = _begun(folder).exists() or _CARRIED.exists()
    return begun and not _failed(folder).exists() and bool(_lacking(folder))


def _images(folder: Path) -> Look:
    lacking, begun, failed = _lacking(folder), _begun(folder), _failed(folder)
    if images_to_come(folder):
        size = begun.stat().st_size // 10**6 if begun.exists() else 0
        return Look("images", f"being assembled from this disk, {size} MB so far; you can continue")
    if lacking and failed.exists():
        return Look(
            "images",
            failed.read_text().strip(),
            "write the appliance to its disk again, from an image whose checksum matches",
        )
    if lacking:
        return Look(
            "images",
            f"{folder} lacks {', '.join(lacking)}",
            "the appliance has them; elsewhere: seedvm image build",
        )
    return Look("images", f"golden image and ramdisk are in {folder}")


def _lacking(folder: Path) -> list[str]:
    return [name for name in _IMAGES if not (folder / name).exists()]


def _begun(folder: Path) -> Path:
    return folder / "golden.raw.new"


def _failed(folder: Path) -> Path:
    return folder / "failed"


def _nic(nic: SystemNic) -> Look:
    trouble = limits.link(nic) or limits.slow(nic)
    cure = trouble.cure if trouble else ""
    if not nic.link:
        cure += ", if you need this NIC"
    return Look(f"NIC {nic.name}", str(nic).removeprefix(f"{nic.name} "), cure)
