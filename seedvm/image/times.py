"""One time for everything that a build makes, so that the same inputs give the same bytes (reproducible-builds.org, SOURCE_DATE_EPOCH).

It refuses to let the clock of the builder's machine into a file system: neither by files nor by inodes.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError

_EPOCH = 1767225600  # 2026-01-01: later times of files become this one
# What the manifest says of two builds from the same inputs; `differs` has a path and a reason for each that is not the same.
REPRODUCIBLE = {
    "epoch": _EPOCH,
    "same": "every file of the same packages and wheels (seedvm image mirror): content, owner, mode, time",
    "differs": {},
}
_FIRST_INODE = 11  # of a tree, in ext4
_COMPILED_HEADER = struct.Struct("<4sII")  # PEP 552: magic, flags, and with no flag set the time of the source


def epoch() -> int:
    """Seconds since 1970: SOURCE_DATE_EPOCH where it is set."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdigit():
        raise SeedvmError(
            "SOURCE_DATE_EPOCH is not a time", why=given, hint="set it to seconds since 1970, or unset it"
        )
    return int(given or _EPOCH)


def fake_time() -> dict[str, str]:
    """The environment that gives e2fsprogs and mtools this time for their own."""
    return {"E2FSPROGS_FAKE_TIME": str(epoch()), "SOURCE_DATE_EPOCH": str(epoch())}


def clamp(tree: Path) -> int:
    """Give every file that is younger the build's time; how many inodes the tree has.

    What Python compiled knows its source by its time, and would be compiled again at each start: it is told the new one.
    """
    limit = epoch()
    seen: set[int] = set()
    for folder, folders, files in os.walk(tree, topdown=False):
        for name in (*files, *folders, "."):
            path = f"{folder}/{name}"
            facts = os.lstat(path)
            seen.add(facts.st_ino)
            when = min(int(facts.st_mtime), limit)
            if name.endswith(".pyc"):
                _tell_compiled(Path(path), limit)
            os.utime(path, (when, when), follow_symlinks=False)
    return len(seen)


def _tell_compiled(path: Path, limit: int) -> None:
    if path.is_symlink() or path.stat().st_size < _COMPILED_HEADER.size:
        return
    with path.open("r+b") as file:
        magic, flags, source = _COMPILED_HEADER.unpack(file.read(_COMPILED_HEADER.size))
        if flags == 0 and source > limit:
            file.seek(0)
            file.write(_COMPILED_HEADER.pack(magic, flags, limit))


def settle(image: Path, offset: int, inodes: int) -> None:
    """Set what `mke2fs -d` takes from the builder's clock: when each inode was changed and read. `offset` in bytes."""
    numbers = (2, *range(_FIRST_INODE, _FIRST_INODE + inodes + 1))
    orders = "".join(f"sif <{number}> {one} @{epoch()}\n" for number in numbers for one in ("ctime", "atime"))
    process.run(
        process.Command(["debugfs", "-w", "-f", "-", f"{image}?offset={offset}"], env=fake_time()),
        timeout=600,
        input=orders,
    )
