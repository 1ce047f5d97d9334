"""A control group for each part: what it used of the processors, with everything that it started, and how its wishes count.

Where the host has the groups of version 1 (`cpu`, `cpuacct`), both are exact: the children of a rack stay in them. With version 2 a rack
moves its machines into a group of its own, and only the rest is counted. A host that lets us do neither gets zeros.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_TOP = "seedvm-tests"
_SHARES = 1024  # what version 1 has for the weight 100


class Group:
    """The group of one part. `enter` makes a command line that begins in it."""

    def __init__(self, name: str, weight: int = 100) -> None:
        mine = f"{name}-{os.getpid()}"  # another checkout may run its tests at the same time
        self._folders = [folder for root in _roots() if (folder := _make(root / _TOP / mine)) is not None]
        for folder in self._folders:
            with contextlib.suppress(OSError):
                (folder / "cpu.shares").write_text(str(_SHARES * weight // 100))
            with contextlib.suppress(OSError):
                (folder / "cpu.weight").write_text(str(weight))

    def enter(self, words: Sequence[str]) -> list[str]:
        """The same command, begun by a shell that joins the group."""
        places = [str(folder / "cgroup.procs") for folder in self._folders]
        joins = "".join(f'echo $$ >"{place}" 2>/dev/null; ' for place in places)
        return ["sh", "-c", f'{joins}exec "$@"', "part", *words]

    def seconds(self) -> float:
        """Processor seconds so far."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                return int((folder / "cpuacct.usage").read_text()) / 1e9
        for folder in self._folders:
            with contextlib.suppress(OSError):
                fields = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
                if "usage_usec" in fields:
                    return int(fields["usage_usec"]) / 1e6
        return 0.0

    def remove(self) -> None:
        """Take the group away; one that still holds a process stays, and so does what is above it."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


def _roots() -> list[Path]:
    first = [_ROOT / name for name in ("cpu", "cpuacct") if (_ROOT / name / "cgroup.procs").exists()]
    if first or not (_ROOT / "cgroup.procs").exists():
        return first
    with contextlib.suppress(OSError):
        (_ROOT / _TOP).mkdir(exist_ok=True)
        for folder in (_ROOT, _ROOT / _TOP):
            (folder / "cgroup.subtree_control").write_text("+cpu")
    return [_ROOT]


def _make(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder
