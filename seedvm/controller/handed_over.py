"""The seed's own mark that it has handed over: `/var/lib/seedvm/handed-over`, on the disk before anything of the seed is taken away.

The units of the seed obey it at boot (elements/controller: ConditionPathExists=!), the engine at every run, and the timer that ends a
hold on writes. A file that is there counts, whatever is in it; only one that names another site does not count for this one.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.base.typed_json import decode, encode

PATH = Path("/var/lib/seedvm/handed-over")


@dataclass(frozen=True)
class HandedOver:
    """Which site was handed over, by which attempt, and when (UTC, ISO 8601)."""

    site: str
    attempt: str = ""
    time: str = ""


def mark(site: str, attempt: str) -> None:
    """From here on this machine is no controller of the site any more; on the disk when it returns."""
    PATH.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = HandedOver(site, attempt, datetime.now(UTC).isoformat(timespec="seconds"))
    write_atomic(PATH, json.dumps(encode(mine)) + "\n")


def marked(site: str) -> bool:
    """Has this machine handed over this site?"""
    if not PATH.exists():
        return False
    with contextlib.suppress(OSError, ValueError, SeedvmError):
        return decode(HandedOver, json.loads(PATH.read_text()), str(PATH)).site == site
    return True


def withdraw() -> None:
    """Take the mark away: nothing of this seed was taken away yet, or it is another site's seed from now on."""
    PATH.unlink(missing_ok=True)
    folder = os.open(PATH.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
