"""`seedvm host usb` on loop devices, which stand for a stick: what it refuses, what it writes, and that it reads it back."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.cli import main
from tests.qemu.sticks import stick_of

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")]
MIB = 1 << 20


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """64 MiB, full of something else, behind a loop device: a built-in disk, as the kernel sees it."""
    (tmp_path / "stick").write_bytes(b"\xa5" * (64 * MIB))
    with stick_of(tmp_path / "stick") as device:
        yield device


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """10 MiB and a bit, mostly zeros."""
    path = tmp_path / "appliance.raw"
    path.write_bytes(os.urandom(MIB) + bytes(9 * MIB) + os.urandom(12345))
    path.with_name("appliance.raw.sha256").write_text(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  appliance.raw\n"
    )
    return path


def usb(*words: str | Path) -> int:
    return main(["host", "usb", *(str(word) for word in words)])


def test_a_built_in_disk_is_written_only_when_it_is_named_twice(
    stick: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert usb("--device", stick, "--image", image, "--yes-wipe", stick) == 1
    assert f"give it twice: --device {stick} --device {stick}" in capsys.readouterr().err
    assert stick.open("rb").read(16) == b"\xa5" * 16
    assert usb("--device", stick, "--device", stick, "--image", image, "--yes-wipe", stick) == 0
    said = capsys.readouterr().out
    assert hashlib.sha256(image.read_bytes()).hexdigest() in said and "verified" in said
    with stick.open("rb") as disk:
        assert disk.read(image.stat().st_size) == image.read_bytes()
        disk.seek(64 * MIB - 34 * 512)
        assert disk.read() == bytes(34 * 512), "no table of what was there before"


def test_it_asks_and_an_unanswered_question_is_a_no(
    stick: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert usb("--device", stick, "--device", stick, "--image", image) == 3
    assert f"--yes-wipe {stick}" in capsys.readouterr().out
    assert stick.open("rb").read(16) == b"\xa5" * 16


def test_a_mounted_disk_is_refused_also_when_it_is_named_twice(
    stick: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process.run(["mke2fs", "-q", "-F", stick], timeout=60)
    (tmp_path / "mnt").mkdir()
    process.run(["mount", stick, tmp_path / "mnt"], timeout=20)
    try:
        assert usb("--device", stick, "--device", stick, "--image", image, "--yes-wipe", stick) == 1
        assert f"mounted at {tmp_path / 'mnt'}" in capsys.readouterr().err
    finally:
        process.run(["umount", tmp_path / "mnt"], timeout=20)


def test_what_is_no_whole_disk_two_disks_and_one_too_small_are_refused(
    stick: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert usb("--device", image, "--image", image) == 1
    assert "is not a disk" in capsys.readouterr().err
    assert usb("--device", "/dev/null", "--image", image) == 1
    assert "not a block device" in capsys.readouterr().err
    assert usb("--device", stick, "--device", "/dev/other", "--image", image) == 1
    assert "more than one device" in capsys.readouterr().err
    with image.open("ab") as file:
        file.truncate(65 * MIB)
    assert usb("--device", stick, "--device", stick, "--image", image) == 1
    assert "is too small" in capsys.readouterr().err


def test_a_damaged_image_and_one_without_its_checksum_are_refused(
    stick: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write_bytes(b"x" + image.read_bytes()[1:])
    words = ["--device", stick, "--device", stick, "--image", image, "--yes-wipe", stick]
    assert usb(*words) == 1
    assert "is damaged" in capsys.readouterr().err
    assert stick.open("rb").read(16) == b"\xa5" * 16, "nothing was written"
    image.with_name("appliance.raw.sha256").unlink()
    assert usb(*words) == 1
    assert "cannot be verified" in capsys.readouterr().err


def test_a_stick_that_fails_while_it_is_written_is_told(
    tmp_path: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with failing_stick(tmp_path) as stick:
        assert usb("--device", stick, "--device", stick, "--image", image, "--yes-wipe", stick) == 1
        said = capsys.readouterr().err
    assert "this one is failing" in said


@contextlib.contextmanager
def failing_stick(folder: Path) -> Iterator[Path]:
    """A device on a sparse file that its file system has no room for: what is written is taken, and lost when it is flushed."""
    mount = folder / "small"
    mount.mkdir()
    process.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small", mount], timeout=20)
    with (mount / "stick").open("wb") as file:
        file.truncate(64 * MIB)
    try:
        with stick_of(mount / "stick") as device:
            yield device
    finally:
        process.run(["umount", mount], timeout=20)
