"""A disk image put together from finished file systems: GPT by sfdisk on a file, ESP by mtools, root by `mke2fs -d`.

No loop device, no mount, no device-mapper, so that it works in a bare CI machine. It refuses a tree without a boot program.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from seedvm import proc
from seedvm.errors import SeedvmError

BOOT_PROGRAM = Path("usr/lib/seedvm/BOOTX64.EFI")
_MIB = 1 << 20
_START = 1 * _MIB
_ESP_BYTES = 64 * _MIB  # FAT32 wants at least 65,525 clusters
_END_BYTES = 1 * _MIB  # the second table
# The first boot grows the root to its disk: room here is only streamed to every machine.
_SPARE = 1.1
_LEAST_SPARE = 128 * _MIB
_TYPES = {"ESP": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "root": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"}


@dataclass(frozen=True)
class Partition:
    """A place in the image, in bytes."""

    number: int
    name: str
    start: int
    size: int
    uuid: str

    @property
    def type(self) -> str:
        return _TYPES[self.name]


@dataclass(frozen=True)
class Layout:
    """The whole image: its id and its partitions in order. Ids come from the image's hash: the same tree, the same ids."""

    uuid: str
    size: int
    partitions: tuple[Partition, ...]

    @property
    def root(self) -> Partition:
        return self.partitions[-1]

    @property
    def root_file_system(self) -> str:
        return str(uuid.uuid5(uuid.UUID(self.uuid), "root file system"))

    def script(self) -> str:
        """What sfdisk reads."""
        lines = ["label: gpt", f"label-id: {self.uuid.upper()}", "unit: sectors", ""]
        for one in self.partitions:
            lines.append(
                f"start={one.start // 512}, size={one.size // 512}, type={one.type}, name={one.name}, uuid={one.uuid.upper()}"
            )
        return "\n".join(lines) + "\n"


def layout(tree_bytes: int, key: str) -> Layout:
    """Where things go for a tree that uses `tree_bytes`: root is last, so that it can grow to the disk's end."""
    disk = uuid.uuid5(uuid.NAMESPACE_URL, f"seedvm:{key}")
    root_bytes = max(int(tree_bytes * _SPARE), tree_bytes + _LEAST_SPARE)
    root_bytes = -(-root_bytes // _MIB) * _MIB
    esp = Partition(1, "ESP", _START, _ESP_BYTES, str(uuid.uuid5(disk, "ESP")))
    root = Partition(2, "root", _START + _ESP_BYTES, root_bytes, str(uuid.uuid5(disk, "root")))
    return Layout(str(disk), root.start + root.size + _END_BYTES, (esp, root))


def tree_bytes(tree: Path) -> int:
    """What the tree takes in a file system with 4 KiB blocks, with its inodes."""
    total = 0
    seen: set[int] = set()
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            facts = os.lstat(f"{folder}/{name}")
            if facts.st_ino not in seen:
                seen.add(facts.st_ino)
                total += 256 + (-(-facts.st_size // 4096) * 4096 if facts.st_size else 0)
    return total


def assemble(tree: Path, image: Path, plan: Layout) -> None:
    """Write the image. It is sparse where nothing is."""
    boot_program = tree / BOOT_PROGRAM
    if not boot_program.is_file():
        raise SeedvmError(
            "the tree cannot boot", why=f"/{BOOT_PROGRAM} is missing", hint="is undercloud-base among the rooms?"
        )
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(plan.size)
    proc.run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", image], timeout=60, input=plan.script())
    esp = plan.partitions[0]
    place = f"{image}@@{esp.start}"
    proc.run(
        [
            "mformat",
            "-i",
            place,
            "-F",
            "-c",
            "1",
            "-T",
            str(esp.size // 512),
            "-h",
            "64",
            "-s",
            "32",
            "-v",
            "ESP",
            "::",
        ],
        timeout=60,
    )
    proc.run(["mmd", "-i", place, "::/EFI", "::/EFI/BOOT"], timeout=60)
    proc.run(["mcopy", "-i", place, boot_program, "::/EFI/BOOT/BOOTX64.EFI"], timeout=60)
    options = f"offset={plan.root.start},lazy_itable_init=1,hash_seed={plan.uuid}"
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-i", "8192", "-m", "1", "-J", "size=32", "-L", "root"]
    words += ["-U", plan.root_file_system, "-E", options, "-d", str(tree), str(image), f"{plan.root.size // 1024}k"]
    proc.run(words, timeout=900)
