"""Disks made by the stock tools, read by the rack's firmware."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm import proc
from seedvm.rack import gpt

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """64 MiB: a boot partition, an ext4 root of 16 MiB, and room after it."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    layout = "label: gpt\nsize=1MiB,type=21686148-6449-6E6F-744E-656564454649\nsize=16MiB,name=system\n"
    proc.run(["sfdisk", "--quiet", path], timeout=20, input=layout)
    root = tmp_path / "root.ext4"
    proc.run(["mke2fs", "-q", "-t", "ext4", "-L", "root", root, "16M"], timeout=20)
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


def test_the_room_for_growth_ends_at_the_next_partition(disk: Path) -> None:
    found = gpt.partitions(disk)
    assert gpt.room_after(disk, found, found[1]) > 45 * MIB
    proc.run(["sgdisk", "--new", "3:-8M:0", disk], timeout=20)
    found = gpt.partitions(disk)
    assert 36 * MIB < gpt.room_after(disk, found, found[1]) < 40 * MIB


def test_the_size_of_a_file_system_is_its_own_not_its_partitions(disk: Path) -> None:
    proc.run(["sfdisk", "--quiet", "--no-reread", "--force", "-N", "2", disk], timeout=20, input=", +\n")
    root = gpt.partitions(disk)[1]
    assert root.size > 40 * MIB
    assert gpt.ext4_size(disk, root) == 16 * MIB


def test_a_disk_larger_than_its_image_has_its_backup_in_the_middle(disk: Path) -> None:
    assert gpt.backup_is_at_end(disk)
    with disk.open("r+b") as file:
        file.truncate(80 * MIB)
    assert not gpt.backup_is_at_end(disk)
    assert len(gpt.partitions(disk)) == 2


def test_a_config_drive_is_found_by_its_volume_name(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    proc.run(
        ["xorriso", "-as", "mkisofs", "-quiet", "-V", "config-2", "-o", tmp_path / "c.iso", tmp_path / "tree"],
        timeout=20,
    )
    assert gpt.config_drive_of(gpt.partitions(disk)) is None
    proc.run(["sgdisk", "--new", "3:-8M:0", disk], timeout=20)
    _write(disk, tmp_path / "c.iso", gpt.partitions(disk)[2].start)
    drive = gpt.config_drive_of(gpt.partitions(disk))
    assert drive is not None and drive.number == 3
