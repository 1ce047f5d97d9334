"""A disk image put together from finished file systems: GPT by sfdisk on a file, ESP by mtools, root by `mke2fs -d`, GRUB by hand.

No loop device, no mount, no device-mapper, so that it works in a bare CI machine. It refuses a tree without a boot program.
"""

from __future__ import annotations

import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import times

BOOT_PROGRAM = Path("usr/lib/seedvm/BOOTX64.EFI")
_FIRST_SECTOR, _CORE = Path("usr/lib/seedvm/boot.img"), Path("usr/lib/seedvm/core.img")
_MIB = 1 << 20
_START = 1 * _MIB
_BIOS_BYTES = 1 * _MIB
_ESP_BYTES = 64 * _MIB  # FAT32 wants at least 65,525 clusters
_END_BYTES = 1 * _MIB  # the second table
# Root is never written again: room here is only streamed to every machine.
_SPARE = 1.05
_LEAST_SPARE = 64 * _MIB
_TYPES = {
    "BIOS": "21686148-6449-6E6F-744E-656564454649",
    "ESP": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "root": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
}
# The Discoverable Partitions Specification's "read only".
_ATTRIBUTES = {"root": "GUID:60"}
_HARD_DISK = b"\x90\x90"
_CORE_SEGMENT = 0x820


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
            place = f"start={one.start // 512}, size={one.size // 512}, type={one.type}"
            attributes = f', attrs="{_ATTRIBUTES[one.name]}"' if one.name in _ATTRIBUTES else ""
            lines.append(f"{place}, name={one.name}, uuid={one.uuid.upper()}{attributes}")
        return "\n".join(lines) + "\n"


def layout(tree_bytes: int, key: str) -> Layout:
    """Where things go for a tree that uses `tree_bytes`. What is behind root belongs to the machine's state."""
    disk = uuid.uuid5(uuid.NAMESPACE_URL, f"seedvm:{key}")
    root_bytes = max(int(tree_bytes * _SPARE), tree_bytes + _LEAST_SPARE)
    root_bytes = -(-root_bytes // _MIB) * _MIB
    partitions: list[Partition] = []
    at = _START
    for number, (name, size) in enumerate((("BIOS", _BIOS_BYTES), ("ESP", _ESP_BYTES), ("root", root_bytes)), 1):
        partitions.append(Partition(number, name, at, size, str(uuid.uuid5(disk, name))))
        at += size
    return Layout(str(disk), at + _END_BYTES, tuple(partitions))


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
    for program in (BOOT_PROGRAM, _FIRST_SECTOR, _CORE):
        if not (tree / program).is_file():
            raise SeedvmError(
                "the tree cannot boot", why=f"/{program} is missing", hint="add the element undercloud-base"
            )
    inodes = times.clamp(tree)
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(plan.size)
    process.run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", image], timeout=60, input=plan.script())
    bios, esp, root = plan.partitions
    _write_grub(image, bios, (tree / _FIRST_SECTOR).read_bytes(), (tree / _CORE).read_bytes())
    _make_esp(image, esp, tree / BOOT_PROGRAM, plan.uuid)
    options = f"offset={root.start},lazy_itable_init=1,hash_seed={plan.uuid}"
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-i", "8192", "-m", "0", "-L", "root", "-d", str(tree)]
    # Root is never written. A journal's superblock is, in memory, by a kernel that mounts it read only.
    words += ["-O", "^has_journal", "-U", plan.root_file_system, "-E", options, str(image), f"{root.size // 1024}k"]
    process.run(process.Command(words, env=times.fake_time()), timeout=900)
    times.settle(image, root.start, inodes)


def _write_grub(image: Path, place: Partition, first: bytes, core: bytes) -> None:
    """GRUB for BIOS, as its grub-bios-setup writes it (GRUB 2.12, include/grub/i386/pc/boot.h): where the second part is, in sectors."""
    if len(core) > place.size:
        raise SeedvmError("GRUB's core is too large", why=f"{len(core)} bytes", hint="leave out some of its modules")
    sector = place.start // 512
    boot, rest = bytearray(first[:440]), bytearray(core)
    struct.pack_into("<Q", boot, 0x5C, sector)
    boot[0x66:0x68] = _HARD_DISK
    struct.pack_into("<QHH", rest, 512 - 12, sector + 1, -(-len(core) // 512) - 1, _CORE_SEGMENT)
    with image.open("r+b") as file:
        file.write(boot)
        file.seek(place.start)
        file.write(rest)


def _make_esp(image: Path, esp: Partition, program: Path, key: str) -> None:
    place = f"{image}@@{esp.start}"
    shape = ["-F", "-c", "1", "-T", str(esp.size // 512), "-h", "64", "-s", "32"]
    process.run(
        process.Command(["mformat", "-i", place, *shape, "-N", key[:8], "-v", "ESP", "::"], env=times.fake_time()),
        timeout=60,
    )
    process.run(
        process.Command(["mmd", "-i", place, "::/EFI", "::/EFI/BOOT", "::/seedvm"], env=times.fake_time()), timeout=60
    )
    copy: list[str | Path] = ["mcopy", "-m", "-i", place, program, "::/EFI/BOOT/BOOTX64.EFI"]
    process.run(process.Command(copy, env=times.fake_time()), timeout=60)
