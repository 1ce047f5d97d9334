"""Heals one fault when its time is over: `python -m seedvm.rack.healer RACK_FILE NAME`, in the rack's own control group.

It heals only what it was started for: a fault that was healed or injected again since is left to the others.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.rack import inject, injected
from seedvm.rack.injected import Injected
from seedvm.rack.model import RackSpec, load_rack
from seedvm.rack.sandbox import cgroup


def main(arguments: list[str]) -> None:
    spec = load_rack(Path(arguments[0]))
    cgroup.join(cgroup.group(spec.name, "faults"))
    began = _named(spec, arguments[1])
    if began is None or began.until is None:
        return
    threading.Event().wait(max(0.0, began.until - time.time()))
    if _named(spec, began.name) == began:
        inject.heal(spec, [began])


def _named(spec: RackSpec, name: str) -> Injected | None:
    return next((one for one in injected.all_of(spec) if one.name == name), None)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SeedvmError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        sys.exit(1)
