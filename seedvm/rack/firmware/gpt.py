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

_READ_ONLY = 60
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")


@dataclass(frozen=True)
class DiskPartition:
    """One partition; `start` and `size` in bytes. `content` is ext4 or empty, `label` that of the file system.

    `read_only` is bit 60 of its attributes (Discoverable Partitions Specification).
    """

    number: int
    type: uuids.UUID
    name: str
    start: int
    size: int
    content: str
    label: str
    read_only: bool


def partitions(disk: Path) -> tuple[DiskPartition, ...]:
    """The partitions of a disk in their order on it; none when there is no valid table."""
    size = disk.stat().st_size
    with disk.open("rb") as file:
        for sector in (1, size // SECTOR - 1):
            table = _table(file.fileno(), sector)
            if table is not None:
                return tuple(sorted(_read(file.fileno(), table), key=lambda partition: partition.start))
    return ()


def root_of(found: tuple[DiskPartition, ...]) -> DiskPartition | None:
    """The root file system: an ext4 that is labelled so, or typed so, or the last one."""
    candidates = [partition for partition in found if partition.content == "ext4"]
    for partition in candidates:
        if "root" in (partition.label, partition.name) or partition.label.endswith("-rootfs"):
            return partition
    typed = [partition for partition in candidates if partition.type in (ROOT_X86_64, LINUX)]
    return typed[-1] if typed else None


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


def _read(descriptor: int, table: tuple[int, int, int]) -> Iterator[DiskPartition]:
    at, count, entry_size = table
    for index in range(count):
        raw = _at(descriptor, _ENTRY.size, at + index * entry_size)
        if len(raw) < _ENTRY.size:
            return
        kind, _, first, last, attributes, name = _ENTRY.unpack(raw)
        if kind == bytes(16) or last < first:
            continue
        start = first * SECTOR
        content, label = _content(descriptor, start)
        text = name.decode("utf-16-le", errors="replace").rstrip("\0")
        size, read_only = (last - first + 1) * SECTOR, bool(attributes >> _READ_ONLY & 1)
        yield DiskPartition(index + 1, uuids.UUID(bytes_le=kind), text, start, size, content, label, read_only)


def _at(descriptor: int, length: int, offset: int) -> bytes:
    """Bytes of the disk; none where a table points to what no disk has."""
    return os.pread(descriptor, length, offset) if 0 <= offset < 1 << 62 else b""


def _content(descriptor: int, start: int) -> tuple[str, str]:
    superblock = _at(descriptor, 256, start + 1024)
    if superblock[56:58] == EXT4_MAGIC:
        return "ext4", superblock[120:136].rstrip(b"\0").decode(errors="replace")
    return "", ""
