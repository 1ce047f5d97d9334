"""Control groups of the rack: seedvm-rack/<rack>/<machine>/<part> in the cgroup2 tree, wherever the host has it.

Everything that a rack runs is in its group, so that one write ends it all, also after a kill -9 of what started it.
It refuses a host without cgroup2's kill file (Linux 5.14).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for_sync

_TOP = "seedvm-rack"
_MEMORY_V1 = Path("/sys/fs/cgroup/memory")


def top() -> Path:
    """The folder of all racks."""
    for root in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
        if (root / "cgroup.subtree_control").exists():
            return root / _TOP
    raise SeedvmError(
        "this host has no cgroup2 tree",
        why="the rack keeps its processes in it",
        hint="run mount -t cgroup2 none /sys/fs/cgroup",
    )


def group(*parts: str) -> Path:
    """The folder of a rack, a machine or a part of one; made when it is not there."""
    folder = top().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def join(folder: Path, pid: int = 0) -> None:
    """Put a process (0: this one) into a group."""
    (folder / "cgroup.procs").write_text(str(pid))


def limit_memory(name: str, mib: int) -> None:
    """Hold this process and its children to so much memory, where the host lets us; v1 and v2 both."""
    if (_MEMORY_V1 / "tasks").exists():
        folder = _MEMORY_V1 / f"{_TOP}-{name.replace('/', '-')}"
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            (folder / "memory.limit_in_bytes").write_text(str(mib << 20))
        (folder / "cgroup.procs").write_text(str(os.getpid()))
        return
    folder = top() / name
    with contextlib.suppress(OSError):
        for parent in reversed(folder.relative_to(top().parent).parents):
            (top().parent / parent / "cgroup.subtree_control").write_text("+memory")
        (folder / "memory.max").write_text(str(mib << 20))


def pids(folder: Path) -> Iterator[int]:
    """Every process in a group and below."""
    for where, _, files in os.walk(folder):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError):
                yield from (int(pid) for pid in (Path(where) / "cgroup.procs").read_text().split())


def strike(folder: Path) -> None:
    """Send SIGKILL to every process in a group and below, and wait for nothing."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "cgroup.kill").write_text("1")


def kill(folder: Path, timeout: float = 20) -> None:
    """End every process in a group and below at once, wait until none is left, and take the group away.

    A group that was killed must not be used again: Linux ends what systemd starts in it, because its count of kills differs from that
    of the group which systemd itself is in.
    """
    strike(folder)

    def ended() -> bool | NotYet:
        left = sorted(pids(folder))
        return NotYet(f"{left}") if left else True

    what, hint = "processes of the rack did not end", "they hang in the kernel: see dmesg"
    wait_for_sync(ended, seconds=timeout, what=what, hint=hint, pause=0.02, passing=NO_ERROR)
    remove(folder)


def remove(folder: Path) -> None:
    """Take an empty group away, with all below."""
    for where, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(where).rmdir()


def remove_memory(rack: str) -> None:
    for folder in _MEMORY_V1.glob(f"{_TOP}-{rack}-*"):
        with contextlib.suppress(OSError):
            folder.rmdir()


def container_init(folder: Path) -> int | None:
    """The process 1 of the container in a group, as the host counts; None while there is none."""
    for pid in pids(folder):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("NSpid:") and line.split()[2:] == ["1"]:
                    return pid
    return None


def pss_mib(folder: Path) -> float:
    """Memory of a group's processes, shared pages counted once (PSS), in MiB."""
    kib = 0
    for pid in pids(folder):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
    return round(kib / 1024, 1)
