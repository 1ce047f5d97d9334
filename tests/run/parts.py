"""The parts of `make test`, in the order in which they begin if there is a choice, and what each needs of the machine.

`cores` is what a part keeps busy on average, measured (its processor time by its time alone). A part that mostly waits declares
little, and goes beside one that computes. Emulated machines compute, and do not mind how long that takes: a small `weight` has them
yield to what asserts times.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

RACKS = "racks"
"""Held shared by a part whose racks may stand beside others, and whole by one that takes every rack away (`seedvm rack clean`)."""

FULL = 100


@dataclass(frozen=True)
class Part:
    """One process and what it needs: average cores, MiB at its peak, names of locks, and the parts that must have ended before.

    `alone` are locks that nobody else may hold, `shared` are locks that others may hold shared. `weight` is its share of the processors
    when all want them: `FULL`, less for one that yields, more for one that must not wait. `tests` are what pytest is given; a part
    without tests has `words`, and its exit code is its result.
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
    weight: int = FULL

    @property
    def yields(self) -> bool:
        """Whether it takes what the others leave."""
        return self.weight < FULL


def command(part: Part, report: str) -> Sequence[str]:
    """The command line of a part; pytest writes its report to the file `report`."""
    if part.words:
        return part.words
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}"]
    if part.workers:
        words += ["-n", str(part.workers), "--dist", "worksteal"]
    return [*words, *part.tests]


def _without(folder: str, *others: str) -> tuple[str, ...]:
    """What pytest is given for a folder without what other parts have of it."""
    return (folder, *(f"--ignore={path}" for path in others))


_RACKS = frozenset({RACKS})
_SEEDVM = (sys.executable, "-m", "seedvm")
_WIRES = frozenset({"wires"})
_RACK_TESTS = tuple(f"tests/contract/rack/test_{name}.py" for name in ("machines", "injected", "saved"))
_IMAGES = ("tests/contract/image", *_RACK_TESTS)
_DATACENTER = ("tests/contract/scan/test_datacenter.py", "tests/contract/bmc/test_datacenter_credentials.py")
_METAL, _APPLIANCE, _CONTROLLER = (f"tests/qemu/test_{name}.py" for name in ("4_metal", "3_appliance", "5_controller"))

PARTS = (
    Part("images", words=(*_SEEDVM, "image", "build"), cores=1.4, memory_mib=10_000),
    Part("rules", ("tests/rules",), cores=0.6),
    Part("unit", ("tests/unit",), cores=0.6),
    # Half of the emulated machines wait for it.
    Part("disk", words=(*_SEEDVM, "image", "appliance"), cores=0.4, after=("images",)),
    # It asserts times, and takes every rack away.
    Part("e2e", ("tests/e2e",), cores=1.3, memory_mib=12_500, after=("images",), alone=_RACKS),
    # Wires and BMCs answer in time also while all cores are at work. These tests wait for most of their time; a thousand hosts at once
    # are a burst that nothing else may delay.
    Part(
        "contract",
        _without("tests/contract", *_DATACENTER, *_IMAGES),
        cores=0.3,
        workers=4,
        alone=_WIRES,
        weight=4 * FULL,
    ),
    Part("datacenter", _DATACENTER, cores=0.2, alone=_WIRES, weight=4 * FULL),
    Part("tui", ("tests/tui",), cores=0.5),
    # Two emulated machines, each of which keeps a core busy for as long as there is one; then emulated machines one at a time.
    Part("metal", (_METAL,), cores=1.2, memory_mib=9000, after=("images",), shared=_RACKS, weight=50),
    Part("appliance", (_APPLIANCE,), cores=0.4, memory_mib=4500, after=("disk",), weight=12),
    Part("image-tests", _IMAGES, cores=0.5, memory_mib=3500, after=("disk",), shared=_RACKS),
    Part("controller", (_CONTROLLER,), cores=0.4, memory_mib=5000, after=("images",), shared=_RACKS, weight=25),
    Part(
        "machines",
        _without("tests/qemu", _METAL, _APPLIANCE, _CONTROLLER),
        cores=0.4,
        memory_mib=3500,
        after=("disk",),
        weight=25,
    ),
)
