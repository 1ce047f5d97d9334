"""Boot from the machine's own disk: what firmware, boot loader and initramfs do until the root file system is there.

The first boot grows the root partition and its file system to the disk, as the image's initramfs does on metal. The config drive is
an iso9660 partition, which the host's kernel may not mount: it is extracted to where cloud-init looks first.
It refuses a disk that somebody still has mounted.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from seedvm import proc
from seedvm.errors import SeedvmError
from seedvm.rack import gpt, loop

_WORTH_GROWING = 16 << 20
_SEED_FOLDER = "var/lib/cloud/seed/config_drive"


def create(disk: Path, gib: int) -> None:
    """An empty sparse disk; one that is there stays as it is."""
    if not disk.exists():
        with disk.open("wb") as file:
            file.truncate(gib << 30)


def mount_root(disk: Path, target: Path) -> Path:
    """Mount a disk's root file system, grown and with its config drive laid out."""
    loop.wait_free(disk)
    root = gpt.root_of(gpt.partitions(disk))
    if root is None:
        raise SeedvmError("nothing on the disk boots", why=f"no root file system in {disk}", hint="was it deployed?")
    root = _grow_partition(disk, root)
    target.mkdir(exist_ok=True)
    device = loop.attach(disk, offset=root.start, size=root.size)
    if gpt.ext4_size(disk, root) + _WORTH_GROWING < root.size:
        proc.run(["resize2fs", "-f", device.path], timeout=300)  # -f: fresh from the image, no check before it
    loop.without_flushes(device)
    proc.run(["mount", "-t", "ext4", device.path, target], timeout=60)
    os.close(device.descriptor)
    _lay_out_config_drive(disk, target)
    return target


def mount_read_only(image: Path, target: Path) -> Path:
    """Mount an image's root file system for reading, many times at once if need be."""
    root = gpt.root_of(gpt.partitions(image))
    if root is None:
        raise SeedvmError(
            f"{image} has no root file system", why="no ext4 partition in it", hint="build the image again"
        )
    target.mkdir(exist_ok=True)
    device = loop.attach(image, offset=root.start, size=root.size, read_only=True)
    proc.run(["mount", "-t", "ext4", "-o", "ro,noload", device.path, target], timeout=60)
    os.close(device.descriptor)
    return target


def _grow_partition(disk: Path, root: gpt.Partition) -> gpt.Partition:
    found = gpt.partitions(disk)
    if gpt.room_after(disk, found, root) < _WORTH_GROWING:
        return root
    if not gpt.backup_is_at_end(disk):  # the image was smaller than the disk
        proc.run(["sgdisk", "--move-second-header", disk], timeout=60)
    order = ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--force", "-N", str(root.number), str(disk)]
    proc.run(order, timeout=60, input=", +\n")
    for partition in gpt.partitions(disk):
        if partition.number == root.number:
            return partition
    raise SeedvmError(
        "the root partition is gone after it was grown", why=str(disk), hint="look at it with sgdisk --print"
    )


def _lay_out_config_drive(disk: Path, root: Path) -> None:
    drive = gpt.config_drive_of(gpt.partitions(disk))
    if drive is None:
        return
    target, image = root / _SEED_FOLDER, disk.with_name("config-drive.iso")
    with disk.open("rb") as source, image.open("wb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        source.seek(drive.start)
        copy.write(source.read(drive.size))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    target.chmod(0o700)
    proc.run(["bsdtar", "-x", "-f", image, "-C", target], timeout=60)
    image.unlink()
