"""Disks made by the stock tools, read by the rack's firmware."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.rack.firmware import gpt

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """64 MiB: a boot partition, an ext4 root of 16 MiB, and room after it."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    layout = "label: gpt\nsize=1MiB,type=21686148-6449-6E6F-744E-656564454649\nsize=16MiB,name=system\n"
    process.run(["sfdisk", "--quiet", path], timeout=60, input=layout)
    root = tmp_path / "root.ext4"
    process.run(["mke2fs", "-q", "-t", "ext4", "-L", "root", root, "16M"], timeout=60)
    _write(path, root, gpt.partitions(path)[1].start)
    return path


def _write(disk: Path, content: Path, at: int) -> None:
    with disk.open("r+b") as file:
        file.seek(at)
        file.write(content.read_bytes())


def test_partitions_are_read_with_place_name_and_content(disk: Path) -> None:
    boot, root = gpt.partitions(disk)
    assert (boot.number, boot.size, boot.content) == (1, MIB, "")
    assert (root.number, root.size, root.name, root.content, root.label) == (2, 16 * MIB, "system", "ext4", "root")
    assert root.type == gpt.LINUX


def test_the_root_is_the_labelled_file_system(disk: Path) -> None:
    root = gpt.root_of(gpt.partitions(disk))
    assert root is not None and root.number == 2


def test_an_empty_disk_has_no_partitions_and_no_root(tmp_path: Path) -> None:
    empty = tmp_path / "empty.img"
    with empty.open("wb") as file:
        file.truncate(MIB)
    assert gpt.partitions(empty) == ()
    assert gpt.root_of(()) is None


def test_a_damaged_table_is_read_from_its_backup(disk: Path) -> None:
    before = gpt.partitions(disk)
    with disk.open("r+b") as file:
        file.seek(gpt.SECTOR + 40)
        file.write(b"\xff" * 16)
    assert gpt.partitions(disk) == before


def test_a_table_damaged_twice_is_refused(disk: Path) -> None:
    with disk.open("r+b") as file:
        for at in (gpt.SECTOR, 64 * MIB - gpt.SECTOR):
            file.seek(at + 40)
            file.write(b"\xff" * 16)
    assert gpt.partitions(disk) == ()


def test_a_disk_larger_than_its_image_is_read_by_its_first_table(disk: Path) -> None:
    with disk.open("r+b") as file:
        file.truncate(80 * MIB)
    assert len(gpt.partitions(disk)) == 2


def test_a_partition_that_may_only_be_read_says_so(disk: Path) -> None:
    assert [one.read_only for one in gpt.partitions(disk)] == [False, False]
    process.run(["sgdisk", "--attributes=2:set:60", disk], timeout=60)
    assert [one.read_only for one in gpt.partitions(disk)] == [False, True]
