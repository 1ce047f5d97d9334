"""The deploy ramdisk's collector tells what is on a disk, by the real tools, and writes nothing."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from seedvm.base import process
from tests.unit.ramdisk_module import ramdisk_module

MIB = 1 << 20


@pytest.fixture(scope="module")
def collector() -> ModuleType:
    return ramdisk_module("seedvm_collector")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(400 * MIB)
    return path


def lay_out(disk: Path, table: str) -> None:
    process.run(["sfdisk", "--quiet", disk], timeout=30, input=table)


def put(disk: Path, offset: int, content: bytes) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def physical_volume() -> bytes:
    """The label of an LVM2 physical volume in its second sector, with the checksum that blkid asks for."""
    body = (struct.pack("<I8s", 32, b"LVM2 001") + b"A" * 32).ljust(492, b"\x00")
    checksum = zlib.crc32(body, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return bytes(512) + struct.pack("<8sQI", b"LABELONE", 1, checksum) + body


def test_partitions_are_told_with_what_is_in_them(collector: ModuleType, disk: Path) -> None:
    lay_out(disk, "label: gpt\nsize=64MiB, type=L, name=system\nsize=64MiB, type=L\nsize=32MiB, type=L\n")
    process.run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-E", f"offset={MIB}", disk, "64M"], timeout=60)
    put(disk, 65 * MIB, physical_volume())
    before = hashlib.sha256(disk.read_bytes()).hexdigest()
    said = collector.contents(str(disk))
    assert hashlib.sha256(disk.read_bytes()).hexdigest() == before
    assert (said["table"], said["found"], said["blank"], said["error"]) == ("gpt", None, False, "")
    assert said["partitions"] == [
        {"bytes": 64 * MIB, "name": "system", "type": "ext4", "label": "root", "usage": "filesystem"},
        {"bytes": 64 * MIB, "name": "", "type": "LVM2_member", "usage": "raid"},
        {"bytes": 32 * MIB, "name": ""},
    ]


def test_logical_partitions_are_told_and_their_container_is_not(collector: ModuleType, disk: Path) -> None:
    lay_out(disk, "label: dos\nsize=32MiB, type=83\nsize=200MiB, type=5\nsize=16MiB, type=82\n")
    assert [one["bytes"] // MIB for one in collector.contents(str(disk))["partitions"]] == [32, 16]


def test_a_file_system_without_a_table_is_told(collector: ModuleType, disk: Path) -> None:
    process.run(["mke2fs", "-q", "-t", "ext4", "-L", "data", disk], timeout=60)
    assert collector.contents(str(disk))["found"] == {"type": "ext4", "label": "data", "usage": "filesystem"}


def test_blank_is_said_of_zeros_alone(collector: ModuleType, disk: Path) -> None:
    assert collector.contents(str(disk))["blank"]
    put(disk, 4096, b"somebody's database")
    said = collector.contents(str(disk))
    assert (said["blank"], said["found"], said["table"]) == (False, None, "")


def test_what_cannot_be_read_is_an_error_and_not_blank(collector: ModuleType, tmp_path: Path) -> None:
    said = collector.contents(str(tmp_path / "gone"))
    assert not said["blank"]
    assert "gone" in said["error"]


def test_it_adds_to_what_the_agent_collected(collector: ModuleType, disk: Path) -> None:
    data = {"inventory": {"disks": [{"name": str(disk)}], "interfaces": [{"name": "no-such-nic"}]}}
    collector.collect(data, None)
    said = data["seedvm"]
    assert (list(said["disks"]), said["links"]) == ([str(disk)], {})
    assert said["clock"] > 1_700_000_000
