"""What is on a raw disk: its GUID partition table (UEFI 2.10, chapter 5) and what each partition holds.

It reads only. It refuses a table whose checksum is wrong, as firmware does, and looks then at the backup.
"""

from __future__ import annotations

import os
import struct
import uuid as uuids
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
ROOT_X86_64 = uuids.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
LINUX = uuids.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
EXT4_MAGIC = b"\x53\xef"
CONFIG_DRIVE_LABEL = "config-2"

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")


@dataclass(frozen=True)
class Partition:
    """One partition; `start` and `size` in bytes. `content` is ext4, iso9660 or empty, `label` that of the file system."""

    number: int
    type: uuids.UUID
    name: str
    start: int
    size: int
    content: str
    label: str


def partitions(disk: Path) -> tuple[Partition, ...]:
    """The partitions of a disk in their order on it; none when there is no valid table."""
    size = disk.stat().st_size
    with disk.open("rb") as file:
        for sector in (1, size // SECTOR - 1):
            table = _table(file.fileno(), sector)
            if table is not None:
                return tuple(sorted(_read(file.fileno(), table), key=lambda partition: partition.start))
    return ()


def root_of(found: tuple[Partition, ...]) -> Partition | None:
    """The root file system: an ext4 that is labelled so, or typed so, or the last one."""
    candidates = [partition for partition in found if partition.content == "ext4"]
    for partition in candidates:
        if "root" in (partition.label, partition.name) or partition.label.endswith("-rootfs"):
            return partition
    typed = [partition for partition in candidates if partition.type in (ROOT_X86_64, LINUX)]
    return typed[-1] if typed else None


def config_drive_of(found: tuple[Partition, ...]) -> Partition | None:
    """The config drive that a deployment left, if any."""
    for partition in found:
        if partition.content == "iso9660" and partition.label.lower() == CONFIG_DRIVE_LABEL:
            return partition
    return None


def ext4_size(disk: Path, partition: Partition) -> int:
    """Bytes that the file system in a partition covers; 0 where there is none."""
    with disk.open("rb") as file:
        superblock = _at(file.fileno(), 1024, partition.start + 1024).ljust(1024, b"\x00")
    if superblock[56:58] != EXT4_MAGIC:
        return 0
    blocks, block_log = struct.unpack_from("<I", superblock, 4)[0], struct.unpack_from("<I", superblock, 24)[0]
    high = struct.unpack_from("<I", superblock, 0x150)[0] if superblock[0x60] & 0x80 else 0
    return int(blocks | high << 32) * (1024 << min(block_log, 6))  # 64 KiB is the largest


def room_after(disk: Path, found: tuple[Partition, ...], partition: Partition) -> int:
    """Bytes that a partition may grow by: up to the next one or the backup table."""
    end = partition.start + partition.size
    later = [other.start for other in found if other.start >= end]
    limit = min([*later, disk.stat().st_size - 34 * SECTOR])
    return max(0, limit - end)


def backup_is_at_end(disk: Path) -> bool:
    """Whether the first table says that the backup is in the disk's last sector."""
    with disk.open("rb") as file:
        header = _HEADER.unpack(os.pread(file.fileno(), _HEADER.size, SECTOR).ljust(_HEADER.size, b"\x00"))
    return bool(header[6] == disk.stat().st_size // SECTOR - 1)


def _table(descriptor: int, sector: int) -> tuple[int, int, int] | None:
    """Where the entries are, how many and how long; None when the header there is not valid."""
    raw = _at(descriptor, SECTOR, sector * SECTOR)
    if len(raw) < SECTOR or not raw.startswith(b"EFI PART"):
        return None
    header = _HEADER.unpack_from(raw)
    length, checksum, entries_at, count, entry_size, entries_checksum = (
        header[index] for index in (2, 3, 10, 11, 12, 13)
    )
    if not _HEADER.size <= length <= SECTOR or zlib.crc32(raw[:16] + bytes(4) + raw[20:length]) != checksum:
        return None
    if not (0 < count <= 1024 and _ENTRY.size <= entry_size <= 4096):
        return None
    if zlib.crc32(_at(descriptor, count * entry_size, entries_at * SECTOR)) != entries_checksum:
        return None
    return entries_at * SECTOR, count, entry_size


def _read(descriptor: int, table: tuple[int, int, int]) -> Iterator[Partition]:
    at, count, entry_size = table
    for index in range(count):
        raw = _at(descriptor, _ENTRY.size, at + index * entry_size)
        if len(raw) < _ENTRY.size:
            return
        kind, _, first, last, _, name = _ENTRY.unpack(raw)
        if kind == bytes(16) or last < first:
            continue
        start = first * SECTOR
        content, label = _content(descriptor, start)
        text = name.decode("utf-16-le", errors="replace").rstrip("\0")
        yield Partition(index + 1, uuids.UUID(bytes_le=kind), text, start, (last - first + 1) * SECTOR, content, label)


def _at(descriptor: int, length: int, offset: int) -> bytes:
    """Bytes of the disk; none where a table points to what no disk has."""
    return os.pread(descriptor, length, offset) if 0 <= offset < 1 << 62 else b""


def _content(descriptor: int, start: int) -> tuple[str, str]:
    superblock = _at(descriptor, 256, start + 1024)
    if superblock[56:58] == EXT4_MAGIC:
        return "ext4", superblock[120:136].rstrip(b"\0").decode(errors="replace")
    volume = _at(descriptor, 80, start + 16 * 2048)
    if volume[1:6] == b"CD001":
        return "iso9660", volume[40:72].decode(errors="replace").strip()
    return "", ""
