"""How far a scan has come, in `scan.json` of the state folder (0600): which blocks of addresses are done, and what was found.

A scan of the same ranges that did not finish resumes there; after a finished one it starts from the beginning. It holds no secret, and
it decides only what need not be asked again. Where the folder cannot be written the scan runs all the same, and `kept` is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.scan.evidence import Bmc, HostRemark
from seedvm.scan.ranges import addresses

FILE = "scan.json"


class ScanProgress:
    """One scan's progress."""

    def __init__(self, folder: Path, ranges: Iterable[str], *, fresh: bool = False) -> None:
        self.ranges = tuple(ranges)
        self.kept = True
        self.bmcs: dict[str, Bmc] = {}
        self.remarks: list[HostRemark] = []
        self._path = folder / FILE
        self._done: list[str] = []
        if not fresh:
            self._read()

    @property
    def resumed(self) -> bool:
        """Whether an earlier scan of these ranges is gone on with."""
        return bool(self._done)

    def done(self) -> frozenset[str]:
        """The addresses that need not be asked again."""
        return frozenset(addresses(self._done))

    def found(self, bmc: Bmc) -> None:
        """Remember what was found; it is written with the next block, or by `save`."""
        known = self.bmcs.get(bmc.address, Bmc(bmc.address))
        self.bmcs[bmc.address] = known.with_(bmc.protocols, bmc.evidence)

    def odd(self, remark: HostRemark) -> None:
        """Remember what is odd about a host that is no BMC as far as is known."""
        self.remarks.append(remark)

    def block(self, block: Sequence[str]) -> None:
        """These addresses have been asked everything. They are neighbours in the list, but not always in number."""
        self._done.extend(spans(block))
        self.save()

    def save(self, *, complete: bool = False) -> None:
        tree = {
            "ranges": self.ranges,
            "complete": complete,
            "done": self._done,
            "bmcs": [one.to_json() for one in self.bmcs.values()],
            "remarks": [one.to_json() for one in self.remarks],
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._path, json.dumps(tree) + "\n")
        except OSError:
            self.kept = False

    def _read(self) -> None:
        try:
            tree = json.loads(self._path.read_text())
            if tuple(tree["ranges"]) != self.ranges or tree["complete"]:
                return
            found = {bmc.address: bmc for bmc in map(Bmc.from_json, tree["bmcs"])}
            remarks = list(map(HostRemark.from_json, tree.get("remarks", ())))
            done = [str(one) for one in tree["done"]]
            addresses(done)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SeedvmError):
            return  # none, or none that we wrote: the scan starts from the beginning
        self.bmcs, self._done, self.remarks = found, done, remarks


def spans(block: Sequence[str]) -> list[str]:
    """Addresses in ascending order as ranges, so that a /16 is a line and not a megabyte."""
    made: list[list[str]] = []
    for one in block:
        if made and ":" not in one and _next(made[-1][-1]) == one:
            made[-1] = [made[-1][0], one]
        else:
            made.append([one])
    return ["-".join(ends) for ends in made]


def _next(text: str) -> str:
    head, _, last = text.rpartition(".")
    return f"{head}.{int(last) + 1}" if last.isdigit() and int(last) < 255 else ""
