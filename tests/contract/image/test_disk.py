"""A disk image made of a tree, looked at with the tools of others: sfdisk, mtools, e2fsck, debugfs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import gpt

KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    (folder / gpt.BOOT_PROGRAM).parent.mkdir(parents=True)
    (folder / gpt.BOOT_PROGRAM).write_bytes(b"MZ" + bytes(100_000))
    (folder / "usr/lib/seedvm/boot.img").write_bytes(b"\xeb\x63" + bytes(510))
    (folder / "usr/lib/seedvm/core.img").write_bytes(b"\x52" * 70_000)
    (folder / "etc").mkdir()
    (folder / "etc/seedvm-image.json").write_text('{"hash": "x"}\n')
    (folder / "etc/secret").write_text("only for its owner\n")
    (folder / "etc/secret").chmod(0o600)
    (folder / "bin").symlink_to("usr/bin")
    return folder


@pytest.fixture(scope="module")
def plan(tree: Path) -> gpt.Layout:
    return gpt.layout(gpt.tree_bytes(tree), KEY)


@pytest.fixture(scope="module")
def image(tree: Path, plan: gpt.Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "golden.raw"
    gpt.assemble(tree, path, plan)
    return path


@pytest.fixture(scope="module")
def root(image: Path, plan: gpt.Layout) -> Path:
    path = image.with_name("root.ext4")
    with image.open("rb") as whole, path.open("wb") as part:
        whole.seek(plan.root.start)
        part.write(whole.read(plan.root.size))
    return path


def test_the_table_names_an_efi_system_partition_and_the_root(image: Path, plan: gpt.Layout) -> None:
    table = json.loads(process.run(["sfdisk", "--json", image], timeout=20).stdout)["partitiontable"]
    assert table["label"] == "gpt"
    assert [(one["name"], one["type"]) for one in table["partitions"]] == [
        (one.name, one.type) for one in plan.partitions
    ]
    assert image.stat().st_size == plan.size


def test_the_table_is_whole_to_the_other_tool_as_well(image: Path) -> None:
    assert "No problems found" in process.run(["sgdisk", "--verify", image], timeout=20).stdout


def test_the_boot_program_lies_where_firmware_looks(image: Path, plan: gpt.Layout, tree: Path) -> None:
    place = f"{image}@@{plan.partitions[1].start}"
    process.run(["mcopy", "-n", "-i", place, "::/EFI/BOOT/BOOTX64.EFI", image.with_name("copy.efi")], timeout=20)
    assert image.with_name("copy.efi").read_bytes() == (tree / gpt.BOOT_PROGRAM).read_bytes()


def test_a_bios_finds_grubs_second_part_by_the_first_sector(image: Path, plan: gpt.Layout) -> None:
    content = image.read_bytes()[: plan.partitions[1].start]
    place = plan.partitions[0].start
    assert content[:2] == b"\xeb\x63"
    assert int.from_bytes(content[0x5C:0x64], "little") * 512 == place
    assert content[510:512] == b"\x55\xaa"
    start, length = content[place + 500 : place + 508], content[place + 508 : place + 510]
    assert int.from_bytes(start, "little") * 512 == place + 512
    assert int.from_bytes(length, "little") == -(-70_000 // 512) - 1
    assert content[place + 512 : place + 70_000] == b"\x52" * (70_000 - 512)


def test_the_root_is_marked_as_read_only(image: Path, plan: gpt.Layout) -> None:
    attributes = process.run(["sgdisk", f"--attributes={plan.root.number}:show", image], timeout=20).stdout
    assert "60" in attributes


def test_the_root_file_system_is_clean_labelled_and_holds_the_tree(root: Path) -> None:
    process.run(["e2fsck", "-f", "-n", root], timeout=60)
    assert process.run(["blkid", "-o", "value", "-s", "LABEL", "-p", root], timeout=20).stdout.strip() == "root"
    assert process.run(["debugfs", "-R", "cat /etc/seedvm-image.json", root], timeout=20).stdout == '{"hash": "x"}\n'
    assert "Mode:  0600" in process.run(["debugfs", "-R", "stat /etc/secret", root], timeout=20).stdout


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a loop device and a mount need root")
def test_a_running_system_reads_the_very_same_root_from_its_disk(root: Path, tmp_path: Path) -> None:
    """The appliance puts golden.raw together from the root that it runs on."""
    copy, point = tmp_path / "root", tmp_path / "mounted"
    copy.write_bytes(root.read_bytes())
    point.mkdir()
    script = """device=$(losetup --find --show "$1"); trap 'umount "$2" 2>/dev/null || true; losetup --detach $device' EXIT
mount -t ext4 -o ro $device "$2"; cat "$2/etc/secret"; cmp $device "$3"; umount "$2"; cmp "$1" "$3" """
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", script, "mounted", copy, point, root]
    assert process.run(words, timeout=60).stdout == "only for its owner\n"


def test_the_image_is_sparse(image: Path) -> None:
    assert image.stat().st_blocks * 512 < image.stat().st_size / 2


def test_the_same_key_gives_the_same_ids_and_another_key_others(plan: gpt.Layout) -> None:
    assert gpt.layout(10_000, KEY).root.uuid == plan.root.uuid
    assert gpt.layout(10_000, "another").root.uuid != plan.root.uuid


def test_the_same_tree_at_another_time_gives_the_same_bytes(
    image: Path, tree: Path, plan: gpt.Layout, tmp_path: Path
) -> None:
    process.run(["cp", "-a", tree, tmp_path / "tree"], timeout=60)
    for path in (tmp_path / "tree").rglob("*"):
        os.utime(path, follow_symlinks=False)  # younger, as a second build's are
    begun = int(image.stat().st_mtime)
    while int(time.time()) <= begun + 2:  # FAT counts in steps of two seconds
        os.sched_yield()
    gpt.assemble(tmp_path / "tree", tmp_path / "again.raw", plan)
    assert process.run(["cmp", image, tmp_path / "again.raw"], timeout=60, check=False).stdout == ""


def test_a_tree_that_cannot_boot_is_refused(tmp_path: Path, plan: gpt.Layout) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(SeedvmError) as refused:
        gpt.assemble(tmp_path / "tree", tmp_path / "image", plan)
    assert "BOOTX64.EFI" in refused.value.why
    assert not (tmp_path / "image").exists()
