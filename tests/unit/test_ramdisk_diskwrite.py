"""What the deploy ramdisk's agent hashes and writes by: real files, past the page cache, and errors that are not lost."""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path
from types import ModuleType

import pytest

from seedvm.base import process
from tests.unit.ramdisk_module import ramdisk_module

MIB = 1 << 20


@pytest.fixture(scope="module")
def diskwrite() -> ModuleType:
    return ramdisk_module("seedvm_diskwrite")


@pytest.mark.parametrize("size", [0, 1, 512, 4095, 4096, 4 * MIB, 4 * MIB + 1, 9 * MIB + 512, 13 * MIB])
@pytest.mark.parametrize("chunk", [1000, MIB, 5 * MIB + 3])
def test_what_is_written_is_what_came_and_the_rest_of_the_disk_stays(
    tmp_path: Path, diskwrite: ModuleType, size: int, chunk: int
) -> None:
    image, before = random.Random(size).randbytes(size), b"\xa5" * (16 * MIB)
    disk = tmp_path / "disk"
    disk.write_bytes(before)
    with diskwrite.Disk(str(disk)) as opened:
        for at in range(0, size, chunk):
            opened.write(image[at : at + chunk])
        opened.flush()
    assert disk.read_bytes() == image + before[size:]


def test_a_digest_is_that_of_everything_it_was_fed(diskwrite: ModuleType) -> None:
    pieces = [bytes([n]) * (n * 9999) for n in range(40)]
    digest = diskwrite.Digest(hashlib.new("sha512"))
    for piece in pieces:
        digest.update(piece)
    assert (digest.name, digest.hexdigest()) == ("sha512", hashlib.sha512(b"".join(pieces)).hexdigest())
    digest.update(b"more")
    assert digest.hexdigest() == hashlib.sha512(b"".join([*pieces, b"more"])).hexdigest()


@pytest.mark.root
@pytest.mark.parametrize("size", [12 * MIB, 20 * MIB])
def test_a_disk_that_is_too_small_is_an_error_whenever_it_shows(
    tmp_path: Path, diskwrite: ModuleType, size: int
) -> None:
    (tmp_path / "file").write_bytes(b"\0" * (10 * MIB))
    device = process.run(["losetup", "--find", "--show", tmp_path / "file"], timeout=30).stdout.strip()
    try:
        with diskwrite.Disk(device) as disk, pytest.raises(OSError, match="No space left"):
            for _ in itertools.repeat(None, size // MIB):
                disk.write(b"i" * MIB)
            disk.flush()
    finally:
        process.run(["losetup", "--detach", device], timeout=30)
