"""The parts of `make test`, in the order in which they begin if there is a choice, and what each needs of the machine.

`cores` is what a part keeps busy on average, measured (its processor time by its time alone). A part that mostly waits declares
little, and goes beside one that computes. The end-to-end part asserts times, so its companions yield to it (`yields`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

RACKS = "racks"
"""Held shared by a part whose racks may stand beside others, and whole by one that takes every rack away (`seedvm rack clean`)."""


@dataclass(frozen=True)
class Part:
    """One process and what it needs: average cores, MiB at its peak, names of locks, and the parts that must have ended before.

    `alone` are locks that nobody else may hold, `shared` are locks that others may hold shared. `yields`: it gets the processors that
    the other parts leave. `tests` are what pytest is given; a part without tests has `words`, and its exit code is its result.
    """

    name: str
    tests: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    cores: float = 1.0
    memory_mib: int = 1000
    workers: int = 0
    after: tuple[str, ...] = ()
    alone: frozenset[str] = field(default_factory=frozenset)
    shared: frozenset[str] = field(default_factory=frozenset)
    yields: bool = False


def command(part: Part, report: str) -> Sequence[str]:
    """The command line of a part; pytest writes its report to the file `report`."""
    if part.words:
        return part.words
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
    if part.workers:
        words += ["-n", str(part.workers), "--dist", "worksteal"]
    return [*words, *part.tests]


_RACKS = frozenset({RACKS})
_SEEDVM = (sys.executable, "-m", "seedvm")
_IMAGES = "tests/contract/image"
_RACK = "tests/contract/rack/test_machines.py"
_METAL, _APPLIANCE, _CONTROLLER = (f"tests/qemu/test_{name}.py" for name in ("4_metal", "3_appliance", "5_controller"))

PARTS = (
    Part("images", words=(*_SEEDVM, "image", "build"), cores=1.4, memory_mib=10_000),
    Part("disk", words=(*_SEEDVM, "image", "appliance"), cores=0.5, memory_mib=1000, after=("images",)),
    Part("rules", ("tests/rules",), cores=0.6),
    Part("unit", ("tests/unit",), cores=0.6),
    # Two emulated machines, each of which keeps a core busy for as long as there is one.
    Part("metal", (_METAL,), cores=1.5, memory_mib=9000, after=("images",), shared=_RACKS),
    # It asserts times, and takes every rack away.
    Part("e2e", ("tests/e2e",), cores=1.5, memory_mib=13_000, after=("images",), alone=_RACKS),
    Part("contract", ("tests/contract", f"--ignore={_IMAGES}", f"--ignore={_RACK}"), cores=0.4, workers=4, yields=True),
    Part("tui", ("tests/tui",), cores=0.6, yields=True),
    Part("appliance", (_APPLIANCE,), cores=0.5, memory_mib=4500, after=("images",), yields=True),
    Part("controller", (_CONTROLLER,), cores=0.5, memory_mib=5000, after=("images",), shared=_RACKS),
    Part(
        "machines",
        ("tests/qemu", *(f"--ignore={path}" for path in (_METAL, _APPLIANCE, _CONTROLLER))),
        cores=0.5,
        memory_mib=3500,
        after=("images",),
        yields=True,
    ),
    Part("image-tests", (_IMAGES, _RACK), cores=0.5, memory_mib=3500, after=("images",), shared=_RACKS),
)
