"""Boot from the machine's own disk: what firmware, boot loader and initramfs do until the root file system is there.

The system in the image does the rest itself: its state partition, its config drive. It refuses a disk that somebody still has mounted.
"""

from __future__ import annotations

from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack.firmware import gpt
from seedvm.rack.sandbox import loop


def create(disk: Path, gib: int) -> None:
    """An empty sparse disk; one that is there stays as it is."""
    if not disk.exists():
        with disk.open("wb") as file:
            file.truncate(gib << 30)


def write(image: Path, disk: Path, gib: int) -> None:
    """A sparse disk with an image on it, as it is written to a stick; one that is there stays as it is."""
    if not disk.exists():
        partial = disk.with_suffix(".partial")
        process.run(["cp", "--sparse=always", image, partial], timeout=300)
        with partial.open("r+b") as file:
            file.truncate(gib << 30)
        partial.rename(disk)


def mount_root(disk: Path, folder: Path) -> tuple[Path, loop.Loop]:
    """Mount a disk's root file system below `folder`, read only if its table says so; the disk stays attached as a whole."""
    loop.wait_free(disk)
    root = gpt.root_of(gpt.partitions(disk))
    if root is None:
        raise SeedvmError(
            "the disk is not bootable", why=f"no root file system in {disk}", hint="check that it was deployed"
        )
    device = loop.attach(disk, partitions=True)
    loop.without_flushes(device)
    target, node = folder / "root", folder / "root.node"
    target.mkdir(exist_ok=True)
    loop.make_node(device, root.number, node)
    process.run(["mount", "-t", "ext4", "-o", "ro" if root.read_only else "rw", node, target], timeout=60)
    return target, device
