"""How much memory and disk this machine has, as the kernel says. It only reads, and judges nothing: `seedvm.site.limits` does."""

from __future__ import annotations

import shutil
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")


def memory_mib(kind: str = "MemTotal", meminfo: Path = _MEMINFO) -> int:
    """A line of /proc/meminfo (proc(5)) in MiB: `MemTotal`, `MemAvailable`; 0 where the kernel does not have it."""
    for line in meminfo.read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) // 1024
    return 0


def free_bytes(path: Path) -> int:
    """Free bytes of the file system on which `path` is, or would be made."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free
