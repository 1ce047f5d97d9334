"""What a seed must have: the one place where the wizard's checks, the laptop's and the engine's preflight take their limits from.

Pure: measured figures in, what is wrong and its cure out. It measures nothing; `seedvm.base.capacity` and `seedvm.base.nics` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.nics import SystemNic

STORE = Path("/var/lib/glance")
"""Where the seed's Glance keeps images: on the state partition, as everything large."""
MEMORY_MIB = 3500
SPARE_BYTES = 2 << 30
"""Beside the images: databases, logs, the journal."""
COPIES = 2
"""Of the golden image, which is uploaded once and converted once."""
REFUSED_MBIT = 100
"""A slower link than this is refused."""
SLOW_MBIT = 1000
"""A slower link than this is only warned of."""
CLOCK_SLACK = 86400.0
WATCH_SLACK = 120.0
"""Between the seed's clock and the operator's watch, in seconds."""
_SPOKEN = "%Y-%m-%d %H:%M"
_EARLIEST = 1_735_689_600
"""1 January 2025: a clock before it was never set."""


@dataclass(frozen=True)
class Trouble:
    """What is wrong and what the operator does about it."""

    what: str
    cure: str


def memory(mib: int) -> Trouble | None:
    """The seed's whole memory, in MiB."""
    if mib >= MEMORY_MIB:
        return None
    return Trouble(f"the seed has {mib} MiB of memory", f"give the seed {MEMORY_MIB} MiB or more")


def disk(free: int, golden: int, *, stored: bool) -> Trouble | None:
    """Bytes free where images are stored, against the golden image's size in bytes and whether it is stored already."""
    needed = SPARE_BYTES + (0 if stored else COPIES * golden)
    if free >= needed:
        return None
    return Trouble(
        f"{free / 2**30:.1f} GiB free in {STORE}, {needed / 2**30:.1f} GiB needed", "give the seed a larger disk"
    )


def clock(now: float, built: float | None) -> Trouble | None:
    """The clock against the time at which the golden image was built, both in seconds since the epoch."""
    if now < _EARLIEST:
        return Trouble(
            "the clock has never been set", "set the clock with timedatectl set-time; certificates fail if it is wrong"
        )
    if built is not None and now < built - CLOCK_SLACK:
        return Trouble("the clock is earlier than the images were built", "set the clock with timedatectl set-time")
    return None


def spoken(text: str) -> float:
    """`YYYY-MM-DD HH:MM` in UTC, as an operator says it -> seconds since the epoch. Raises ValueError."""
    try:
        return datetime.strptime(text, _SPOKEN).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write YYYY-MM-DD HH:MM, in UTC") from None


def watch(now: float, said: float) -> Trouble | None:
    """The clock against the operator's word, both in seconds since the epoch."""
    if abs(now - said) <= WATCH_SLACK:
        return None
    ours, theirs = (datetime.fromtimestamp(one, UTC).strftime(f"{_SPOKEN} UTC") for one in (now, said))
    return Trouble(f"the seed's clock says {ours}, and you say {theirs}", "set the clock with timedatectl set-time")


def link(nic: SystemNic) -> Trouble | None:
    """Why a NIC cannot carry a deployment; None where it can, be it slowly."""
    if not nic.link:
        return Trouble(f"{nic.name} has no link", "plug the cable in")
    if 0 < nic.speed < REFUSED_MBIT:
        return Trouble(f"{nic.name} runs at {nic.speed} Mbit/s", "use another cable or port")
    return None


def slow(nic: SystemNic) -> Trouble | None:
    """What is allowed but will take long; the screens say it, the engine continues."""
    if nic.link and 0 < nic.speed < SLOW_MBIT:
        return Trouble(f"{nic.name} runs at {nic.speed} Mbit/s", "use another cable or port: the images are large")
    return None
