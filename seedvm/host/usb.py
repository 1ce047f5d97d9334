"""The appliance's image on a USB stick, written and read back.

It refuses what is not a whole disk, what is mounted or used by anything, and a disk built into the machine unless it was given twice.
The kernel is asked as well: O_EXCL on a block device fails while another process holds it (open(2)).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import mmap
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode
from seedvm.host.image import verified_bytes, wanted_sum

Progress = Callable[[float, float], None]
_PIECE = 4 << 20
_TABLE_BYTES = 34 * 512  # the second GPT and its header, UEFI 2.10, 5.3.1
_BLKRRPART = 0x125F  # linux/fs.h: read the partition table again


@dataclass(frozen=True)
class _Block:
    """A block device as `lsblk --json` shows it; `size` in bytes. An empty drive has the mountpoints [null]."""

    path: str
    type: str
    size: int = 0
    rm: bool = False
    tran: str | None = None
    model: str | None = None
    mountpoints: tuple[str | None, ...] | None = ()
    children: tuple[_Block, ...] = ()


@dataclass(frozen=True)
class _Answer:
    blockdevices: tuple[_Block, ...]


@dataclass(frozen=True)
class Stick:
    """A disk as lsblk shows it; `used` says by what it is held."""

    device: Path
    size: int
    model: str
    removable: bool
    used: tuple[str, ...]

    def describe(self) -> str:
        kind = "removable" if self.removable else "built into this machine"
        return f"{self.device}: {self.model or 'unknown model'}, {self.size / 1e9:.1f} GB, {kind}"


def look(device: Path) -> Stick:
    """What the device is. SeedvmError for what is not a whole disk."""
    try:
        mode = device.stat().st_mode
    except OSError as error:
        raise SeedvmError(
            f"there is no device {device}", why=str(error.strerror), hint="list the disks with lsblk"
        ) from error
    if not stat.S_ISBLK(mode):
        raise SeedvmError(f"{device} is not a disk", why="not a block device", hint="list the disks with lsblk")
    fields = "PATH,TYPE,SIZE,RM,TRAN,MODEL,MOUNTPOINTS,FSTYPE"
    said = process.run(["lsblk", "--json", "--bytes", "--output", fields, device], timeout=30).stdout
    disk = decode(_Answer, json.loads(said), "the answer of lsblk").blockdevices[0]
    if disk.type not in ("disk", "loop"):
        raise SeedvmError(
            f"{device} is not a whole disk", why=f"it is a {disk.type}", hint="give the disk that it is on"
        )
    removable = disk.rm or disk.tran == "usb"
    return Stick(device, disk.size, (disk.model or "").strip(), removable, tuple(_uses(disk)))


def refuse(stick: Stick, image: Path, times_named: int) -> None:
    """SeedvmError unless the stick may be written."""
    if stick.used:
        raise SeedvmError(
            f"{stick.device} is in use",
            why="; ".join(stick.used),
            hint="unmount the stick first; a disk in use is never written",
        )
    if not stick.removable and times_named < 2:
        raise SeedvmError(
            f"{stick.device} is built into this machine",
            why=stick.describe(),
            hint=f"to wipe it anyway, give it twice: --device {stick.device} --device {stick.device}",
        )
    if image.suffix != ".raw":
        raise SeedvmError(f"{image} is not a raw image", why="firmware reads only raw images", hint="use the .raw file")
    wanted_sum(image)
    needed = image.stat().st_size
    if stick.size < needed:
        raise SeedvmError(
            f"{stick.device} is too small",
            why=f"{stick.size / 1e9:.1f} GB, the image has {needed / 1e9:.1f} GB",
            hint="use a larger stick",
        )


def write(stick: Stick, image: Path, say: Callable[[str], None], progress: Progress) -> str:
    """Prove the image, write it, and prove by reading it back past every cache that it is there; its SHA-256."""
    size = verified_bytes(image, say)
    wanted = wanted_sum(image)
    try:
        read = _written(stick, image, size, progress)
    except OSError as error:
        hint = (
            "find what uses the stick with lsblk and fuser"
            if error.errno == errno.EBUSY
            else "use another stick; this one is failing"
        )
        raise SeedvmError(f"{stick.device} cannot be written", why=str(error.strerror), hint=hint) from error
    if read != wanted:
        raise SeedvmError(
            f"{stick.device} does not hold what was written",
            why=f"read back {read[:16]}..., written {wanted[:16]}...",
            hint="use another stick; this one is worn out",
        )
    return wanted


def _written(stick: Stick, image: Path, size: int, progress: Progress) -> str:
    """The SHA-256 of what is on the stick afterwards."""
    descriptor = os.open(stick.device, os.O_RDWR | os.O_EXCL)
    try:
        _forget_old_table(descriptor, stick.size)
        _copy(image, descriptor, size, progress)
        os.fsync(descriptor)
        found = _read_back(stick.device, size, progress)
        _read_table_again(descriptor)
        return found
    finally:
        os.close(descriptor)


def _copy(image: Path, descriptor: int, size: int, progress: Progress) -> None:
    """Every byte, zeros too: a stick holds what was on it before."""
    done = 0
    with image.open("rb") as file:
        while piece := file.read(_PIECE):
            view = memoryview(piece)
            while view:
                view = view[os.write(descriptor, view) :]
            done += len(piece)
            progress(done, 2 * size)


def _read_back(device: Path, size: int, progress: Progress) -> str:
    """O_DIRECT: what the medium holds and not what the page cache remembers. It wants aligned memory, which mmap gives."""
    sha256, done = hashlib.sha256(), 0
    descriptor = os.open(device, os.O_RDONLY | os.O_DIRECT)
    try:
        with mmap.mmap(-1, _PIECE) as buffer:
            while done < size:
                count = os.readv(descriptor, [buffer])
                if count == 0:
                    break
                piece = buffer[: min(count, size - done)]
                sha256.update(piece)
                done += len(piece)
                progress(size + done, 2 * size)
    finally:
        os.close(descriptor)
    return sha256.hexdigest()


def _forget_old_table(descriptor: int, size: int) -> None:
    """A second table of what was on the stick before would contradict the image's."""
    os.pwrite(descriptor, bytes(_TABLE_BYTES), size - _TABLE_BYTES)


def _read_table_again(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a device without partitions; the next plug-in reads it
        fcntl.ioctl(descriptor, _BLKRRPART)


def _uses(disk: _Block) -> Iterator[str]:
    """What holds the disk or a part of it: mounts, swap, arrays, volumes."""
    for mount in disk.mountpoints or ():
        if mount:
            yield f"{disk.path} is {'swap' if mount == '[SWAP]' else f'mounted at {mount}'}"
    for child in disk.children:
        if child.type != "part":
            yield f"{disk.path} is used by {child.path} ({child.type})"
        yield from _uses(child)
