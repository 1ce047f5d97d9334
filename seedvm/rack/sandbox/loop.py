"""Loop devices by the kernel's own calls: they go by themselves when nobody has them open any more (autoclear).

So nothing is left behind by a kill -9. It refuses to reuse a device that somebody else has.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for_sync

_CTL_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A  # include/uapi/linux/loop.h
_READ_ONLY, _AUTOCLEAR, _PARTSCAN = 1, 4, 8


@dataclass(frozen=True)
class Loop:
    """An attached device; it lives as long as `descriptor` or a mount holds it."""

    path: str
    descriptor: int

    @property
    def name(self) -> str:
        return self.path.removeprefix("/dev/")


def attach(file: Path, *, offset: int = 0, size: int = 0, read_only: bool = False, partitions: bool = False) -> Loop:
    """A loop device on a file, or on `size` bytes of it from `offset` on."""
    flags = _AUTOCLEAR | (_READ_ONLY if read_only else 0) | (_PARTSCAN if partitions else 0)
    mode = os.O_RDONLY if read_only else os.O_RDWR
    backing = os.open(file, mode | os.O_CLOEXEC)
    try:
        for _ in range(64):
            loop = _claim(backing, mode, offset, size, flags)
            if loop is not None:
                return loop
    finally:
        os.close(backing)
    raise SeedvmError(
        "no free loop device", why="each free one was taken by another process", hint="list them with losetup -a"
    )


def _claim(backing: int, mode: int, offset: int, size: int, flags: int) -> Loop | None:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        path = f"/dev/loop{fcntl.ioctl(control, _CTL_GET_FREE)}"
    finally:
        os.close(control)
    device = os.open(path, mode | os.O_CLOEXEC)
    # struct loop_config: fd, block_size, struct loop_info64 (device, inode, rdevice, offset, sizelimit, number, encrypt_type,
    # encrypt_key_size, flags, file_name[64], crypt_name[64], encrypt_key[32], init[2]), reserved[8]
    info = struct.pack("<QQQQQIIII64s64s32s2Q", 0, 0, 0, offset, size, 0, 0, 0, flags, b"", b"", b"", 0, 0)
    try:
        fcntl.ioctl(device, _CONFIGURE, struct.pack("<II", backing, 0) + info + bytes(64))
    except OSError as error:
        os.close(device)
        if error.errno == errno.EBUSY:
            return None
        raise
    return Loop(path, device)


def make_node(device: Loop, number: int, node: Path) -> None:
    """A device node for one of its partitions, shown by the kernel first where it does not look for partitions itself."""
    process.run(["partx", "--update", device.path], timeout=20)
    numbers = Path(f"/sys/class/block/{device.name}/{device.name}p{number}/dev").read_text().strip().split(":")
    node.unlink(missing_ok=True)
    os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(int(numbers[0]), int(numbers[1])))


def without_flushes(device: Loop) -> None:
    """Let the kernel take the disk's cache for one that needs no power: the file behind it stays, a flush waits for nothing."""
    with contextlib.suppress(OSError):
        Path(f"/sys/block/{device.name}/queue/write_cache").write_text("write through")


def restore_flushes() -> None:
    """Give idle devices their flushes back: the kernel keeps the setting for whoever gets the device next."""
    for setting in Path("/sys/block").glob("loop*/queue/write_cache"):
        if not (setting.parents[1] / "loop").exists():
            with contextlib.suppress(OSError):
                if setting.read_text().strip() == "write through":
                    setting.write_text("write back")


def users(file: Path) -> Iterator[str]:
    """Names of the loop devices on a file."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().strip().removesuffix(" (deleted)") == str(file.absolute()):
                yield backing.parent.parent.name
        except OSError:
            continue


def wait_free(file: Path, timeout: float = 30) -> None:
    """Wait until no loop device holds a file any more: a disk must not be mounted twice."""

    def free() -> bool | NotYet:
        held = list(users(file))
        return NotYet(f"by {', '.join(held)}") if held else True

    what = f"{file} is still in use"
    wait_for_sync(
        free,
        seconds=timeout,
        what=what,
        hint="find what uses it with losetup -a and mount",
        pause=0.02,
        passing=NO_ERROR,
    )
