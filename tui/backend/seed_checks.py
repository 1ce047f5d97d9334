"""What the screen itself can see of the seed before anything is described: root, clock, memory, disk, images, NICs. Reads only.

It judges by the same limits as the engine's preflight where it knows them, and refuses to say more than it saw: the wire, the VIP and
foreign DHCP servers are the engine's preflight to look at.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tui.backend.nics import Nic

MEMORY_MIB = 2800
DISK_GIB = 8
IMAGES_DIR = Path("/srv/seedvm/images")
_IMAGES = ("golden.json", "golden.raw", "ramdisk.kernel", "ramdisk.initramfs")
# The appliance brings its images packed; seedvm-images.service makes whole ones of them at the first boot.
_CARRIED = Path("/state/carried")
_EARLIEST = 1_735_689_600
"""1 January 2025: a clock before it was never set."""


@dataclass(frozen=True)
class Look:
    """One thing that was looked at; `cure` is empty where it is good."""

    name: str
    told: str
    cure: str = ""

    @property
    def good(self) -> bool:
        return not self.cure


def looks(state_dir: Path, images_dir: Path | None, nics: tuple[Nic, ...]) -> tuple[Look, ...]:
    """All of it, in the order of the page."""
    return (*map(_nic, nics), _root(), _clock(), _memory(), _disk(state_dir), _images(images_dir or IMAGES_DIR))


def _root() -> Look:
    if os.geteuid() == 0:
        return Look("rights", "this screen runs as root")
    return Look("rights", "this screen does not run as root", "on the appliance it does; here: sudo")


def _clock() -> Look:
    told = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    if time.time() < _EARLIEST:
        return Look("clock", told, "set it: timedatectl set-time; a wrong clock fails certificates")
    return Look("clock", f"{told} (is that right? a wrong clock fails certificates)")


def _memory() -> Look:
    total = next(
        (int(line.split()[1]) // 1024 for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line),
        0,
    )
    return Look("memory", f"{total} MiB", "" if total >= MEMORY_MIB else f"give the seed {MEMORY_MIB} MiB or more")


def _disk(state_dir: Path) -> Look:
    there = next(path for path in (state_dir, *state_dir.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    return Look("disk", f"{free:.1f} GiB free", "" if free >= DISK_GIB else "give the seed a larger disk")


def images_to_come(folder: Path) -> bool:
    """Whether the appliance is still putting its images together there; the engine's unit waits for that."""
    begun = _begun(folder).exists() or _CARRIED.exists()
    return begun and not _failed(folder).exists() and bool(_lacking(folder))


def _images(folder: Path) -> Look:
    lacking, begun, failed = _lacking(folder), _begun(folder), _failed(folder)
    if images_to_come(folder):
        size = begun.stat().st_size // 10**6 if begun.exists() else 0
        return Look("images", f"being put together from this disk, {size} MB so far; go on meanwhile")
    if lacking and failed.exists():
        return Look("images", failed.read_text().strip(), "write the appliance anew, from an image with the right sum")
    if lacking:
        return Look(
            "images", f"{folder} lacks {', '.join(lacking)}", "they are on the appliance; here: seedvm image build"
        )
    return Look("images", f"golden image and ramdisk are in {folder}")


def _lacking(folder: Path) -> list[str]:
    return [name for name in _IMAGES if not (folder / name).exists()]


def _begun(folder: Path) -> Path:
    return folder / "golden.raw.new"


def _failed(folder: Path) -> Path:
    return folder / "failed"


def _nic(nic: Nic) -> Look:
    cure = ""
    if not nic.link:
        cure = "plug the cable in, if it is to be used"
    elif 0 < nic.speed < 1000:
        cure = "another cable or port: the images are large"
    return Look(f"NIC {nic.name}", str(nic).removeprefix(f"{nic.name} "), cure)
