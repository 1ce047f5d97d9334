"""What came of it, from the reports that pytest wrote (JUnit's form): counts, the slowest tests, and each part's share of the time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.run.schedule import Ended

SLOWEST = 20


@dataclass(frozen=True)
class Case:
    """One test: where it is, its seconds with what it had set up, its end (passed, failed or skipped), and why it was skipped."""

    where: str
    seconds: float
    end: str
    why: str = ""


@dataclass(frozen=True)
class Figures:
    """One run. A part that failed although none of its tests did (a crash, images that cannot be built) counts as one that failed."""

    cases: Sequence[Case]
    ended: Sequence[Ended]
    wall: float

    @property
    def failed(self) -> int:
        return self.count("failed") + sum(self._is_silent(one) for one in self.ended)

    def count(self, end: str) -> int:
        return sum(case.end == end for case in self.cases)

    def _is_silent(self, one: Ended) -> bool:
        mine = (case.end for case in self.cases if case.where.startswith(f"{one.part.name}: "))
        return one.code != 0 and "failed" not in mine

    def lines(self) -> list[str]:
        """For the terminal; the last one has the counts and nothing else."""
        parts = [
            f"  {one.part.name:<12} {one.seconds:6.0f} s  {one.seconds / self.wall:4.0%}   processors {one.processor:6.0f} s"
            f"   from {one.began:5.0f} to {one.ended:5.0f} s"
            for one in sorted(self.ended, key=lambda one: one.began)
        ]
        slow = sorted(self.cases, key=lambda case: case.seconds, reverse=True)[:SLOWEST]
        return [
            f"the slowest {len(slow)} tests:",
            *(f"  {case.seconds:6.1f} s  {case.where}" for case in slow),
            "where the time went:",
            *parts,
            f"  {'all':<12} {self.wall:6.0f} s         processors {sum(one.processor for one in self.ended):6.0f} s",
            *(f"skipped: {case.where}: {case.why}" for case in self.cases if case.end == "skipped"),
            f"{self.count('passed')} passed, {self.failed} failed",
        ]

    def write(self, path: Path) -> None:
        """As JSON: `seconds`, `parts` by name, `tests` by where they are, slowest first."""
        slow = sorted(self.cases, key=lambda case: case.seconds, reverse=True)
        tree = {
            "seconds": round(self.wall, 1),
            "passed": self.count("passed"),
            "failed": self.failed,
            "skipped": self.count("skipped"),
            "parts": {
                one.part.name: {
                    "code": one.code,
                    "began": round(one.began, 1),
                    "seconds": round(one.seconds, 1),
                    "processor_seconds": round(one.processor, 1),
                }
                for one in self.ended
            },
            "tests": {case.where: round(case.seconds, 2) for case in slow},
        }
        path.write_text(json.dumps(tree, indent=1) + "\n")


def gather(folder: Path, ended: Sequence[Ended], wall: float) -> Figures:
    """The figures of a run from the reports in its folder."""
    cases = [case for one in ended for case in read(folder / f"{one.part.name}.xml", one.part.name)]
    return Figures(cases, ended, wall)


def read(report: Path, part: str) -> Iterable[Case]:
    """The tests of one report; none where there is no report, or one that was cut off.

    A test that passed and whose clean-up failed is listed twice by pytest: it has failed.
    """
    try:
        tree = ElementTree.parse(report)
    except (OSError, ElementTree.ParseError):
        return []
    found: dict[str, Case] = {}
    for node in tree.iterfind(".//testcase[@name]"):
        where = f"{part}: {node.get('classname', '').rpartition('tests.')[2]}::{node.get('name')}"
        ends = {child.tag for child in node}
        end = "failed" if ends & {"failure", "error"} else "skipped" if "skipped" in ends else "passed"
        before = found.get(where)
        worst = "failed" if before and before.end == "failed" else end
        why = next((child.get("message", "") for child in node if child.tag == "skipped"), "")
        found[where] = Case(where, float(node.get("time", 0)) + (before.seconds if before else 0), worst, why)
    return found.values()
