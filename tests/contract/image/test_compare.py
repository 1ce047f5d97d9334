"""Two builds beside each other: what differs is told by its name, and what does not differ is not told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image.compare import compare

START, SIZE = 1 << 20, 16 << 20
MANIFEST = {"disk": {"partitions": [{"name": "root", "start": START, "size": SIZE}]}, "packages": {"bash": "5"}}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/shadow").write_text("root:*:20000\n")
    (folder / "etc/hosts").write_text("::1 localhost\n")
    (folder / "bin").symlink_to("usr/bin")
    return folder


def build(tree: Path, folder: Path, manifest: object = MANIFEST) -> Path:
    """A disk with root in it and a ramdisk, as a build leaves them."""
    folder.mkdir()
    (folder / "golden.json").write_text(json.dumps(manifest))
    disk = folder / "golden.raw"
    with disk.open("wb") as file:
        file.truncate(START + SIZE)
    fixed = "-E offset=1048576,lazy_itable_init=1,hash_seed=00000000-0000-0000-0000-000000000001 -U 00000000-0000-0000-0000-000000000001"
    words = [
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-O",
        "^has_journal",
        *fixed.split(),
        "-d",
        str(tree),
        str(disk),
        "16M",
    ]
    process.run(process.Command(words, env={"E2FSPROGS_FAKE_TIME": "1767225600"}), timeout=60)
    order = (
        'cd "$1"; find . -print0 | LC_ALL=C sort -z | cpio --null -o -H newc --quiet --reproducible | zstd -q -o "$2"'
    )
    process.run(["bash", "-euc", order, "pack", tree, folder / "ramdisk.initramfs"], timeout=60)
    return folder


def test_the_same_is_said_to_be_the_same(tree: Path, tmp_path: Path) -> None:
    first = build(tree, tmp_path / "a")
    shutil.copytree(first, tmp_path / "b")
    found = compare(first, tmp_path / "b")
    assert found.same and found.alike == ("golden.json", "golden.raw", "ramdisk.initramfs")
    assert found.lines()[-1] == "the same bytes"


def test_a_path_that_differs_is_told_with_what_of_it_differs(tree: Path, tmp_path: Path) -> None:
    first = build(tree, tmp_path / "a")
    (tree / "etc/shadow").write_text("root:*:20001\n")
    (tree / "etc/hosts").chmod(0o600)
    (tree / "etc/new").touch()
    found = compare(first, build(tree, tmp_path / "b", {**MANIFEST, "packages": {"bash": "6"}}))
    assert not found.same and found.alike == ()
    for name, prefix in (("golden.raw", "root: "), ("ramdisk.initramfs", "")):
        told = found.differing[name]
        assert f"{prefix}/etc/hosts: mode" in told and f"{prefix}/etc/new: only in the second" in told
        assert any(line.startswith(f"{prefix}/etc/shadow: ") and "content" in line for line in told)
        assert not any("/bin" in line for line in told)
    assert found.differing["golden.json"] == ('packages.bash: "5" and "6"',)


def test_the_same_files_at_other_places_are_not_called_the_same(tree: Path, tmp_path: Path) -> None:
    first = build(tree, tmp_path / "a")
    second = Path(shutil.copytree(first, tmp_path / "b"))
    with (second / "golden.raw").open("r+b") as disk:
        disk.seek(START + SIZE - 4096)  # a block that nobody uses
        disk.write(b"left behind")
    assert compare(first, second).differing == {"golden.raw": ("root: the same files, in another layout",)}


def test_a_file_that_one_lacks_and_a_folder_that_is_no_build(tree: Path, tmp_path: Path) -> None:
    first = build(tree, tmp_path / "a")
    second = Path(shutil.copytree(first, tmp_path / "b"))
    (second / "ramdisk.initramfs").unlink()
    assert compare(first, second).differing == {"ramdisk.initramfs": (f"only in {first}",)}
    with pytest.raises(SeedvmError, match="nothing to compare"):
        compare(first, tree)
