"""The faults that a rack has now: a small file each in its run folder, so each process sees the same.

They are what is injected while the rack runs (`seedvm rack fault`); what a BMC of rack.yaml has from the start is in `faults`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seedvm.base.typed_json import decode, encode
from seedvm.rack.model import RackSpec

Wire = Literal["provisioning", "bmc"]
ROUTER = "router"


@dataclass(frozen=True)
class Injected:
    """One fault; times are seconds since 1970. `others` is the other side of a partition; `place` a file that fills a disk."""

    fault: str
    machines: tuple[str, ...]
    since: float
    until: float | None = None
    wire: Wire = "provisioning"
    others: tuple[str, ...] = ()
    place: str = ""

    @property
    def name(self) -> str:
        """The same for the same fault of the same machines: injecting it again replaces it."""
        wire = "-bmc" if self.fault == "cut" and self.wire == "bmc" else ""
        return f"{self.fault}{wire}-{'-'.join(self.machines)}"

    def of(self, machines: Sequence[str]) -> bool:
        """Whether it is a fault of one of these; of all when none is named."""
        return not machines or bool({*machines} & {*self.machines})


def all_of(spec: RackSpec) -> tuple[Injected, ...]:
    """Every fault of a rack, oldest first."""
    found = []
    for path in _folder(spec).glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # healed at this moment
            found.append(decode(Injected, json.loads(path.read_text()), str(path)))
    return tuple(sorted(found, key=lambda one: one.since))


def put(spec: RackSpec, one: Injected) -> None:
    """Record a fault."""
    folder = _folder(spec)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder / f".{one.name}"
    partial.write_text(json.dumps(encode(one)))
    partial.rename(folder / f"{one.name}.json")


def forget(spec: RackSpec, one: Injected) -> None:
    """Remove a fault's record; one that is gone already is not an error."""
    (_folder(spec) / f"{one.name}.json").unlink(missing_ok=True)


def described(one: Injected) -> str:
    """One line: what, since when, and when it ends by itself."""
    who = ", ".join(one.machines)
    against = f" from {', '.join(one.others)}" if one.others else ""
    wire = f" ({one.wire} network)" if one.fault == "cut" else ""
    end = f", ends in {max(0, one.until - time.time()):.0f} s" if one.until else ""
    return f"{one.fault:<14} {who}{against}{wire}, since {time.time() - one.since:.0f} s{end}"


def _folder(spec: RackSpec) -> Path:
    return spec.run / "faults"
