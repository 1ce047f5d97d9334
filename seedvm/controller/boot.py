"""When this machine was booted."""

from __future__ import annotations

from pathlib import Path


def booted(stat: Path = Path("/proc/1/stat")) -> str:
    """When process 1 started, in clock ticks of the host: another value is another boot (also of a container)."""
    return stat.read_text().rsplit(")", 1)[1].split()[19]
