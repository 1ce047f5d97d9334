"""The appliance that was built, and what its serial line says as it starts."""

from __future__ import annotations

import sys
from pathlib import Path

from seedvm.base import process
from tests.qemu.laptop import SOURCE

_RAW = SOURCE / "build/cache/appliance/current/seedvm-appliance.raw"
KERNEL_SECONDS = 600.0
STATE_BEGINS = "becomes the state partition"
SYSTEM_BEGINS = "\x1b[!p"  # systemd resets the console that it takes (DECSTR)


def raw_image() -> Path:
    """The raw disk, built where it is not there yet."""
    if not _RAW.exists():
        process.run(process.Command([sys.executable, "-m", "seedvm", "image", "appliance"], cwd=SOURCE), timeout=3600)
    return _RAW.resolve()
