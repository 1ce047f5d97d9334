"""What every bench shares: a figure with its peer or limit, the lines and the JSON object that come of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value of ours beside the peer's, or beside a limit, of the same run and in the same unit.

    `against` names the peer or the limit. `aim` is the least ratio that is good enough; None where the figure is told only.
    """

    what: str
    ours: float
    theirs: float
    against: str
    unit: str
    more_is_better: bool = False
    aim: float | None = None

    @property
    def ratio(self) -> float:
        """How many times better we are: above 1 we win."""
        good, bad = (self.ours, self.theirs) if self.more_is_better else (self.theirs, self.ours)
        return good / bad if bad else float("inf") if good else 1.0

    @property
    def met(self) -> bool:
        return self.aim is None or self.ratio >= self.aim

    def line(self) -> str:
        judged = "" if self.aim is None else f"; aim {self.aim:g}: {'met' if self.met else 'MISSED'}"
        return (
            f"{self.what}: {self.ours:g} {self.unit}, {self.against} {self.theirs:g} {self.unit}: "
            f"{self.ratio:.2f} times better{judged}"
        )


def run_bench(
    name: str,
    says: str,
    measure: Callable[[argparse.Namespace], Sequence[Figure]],
    arguments: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Parse the command line, measure, print; the exit code. `says` is the help's first line."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=says)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    if arguments:
        arguments(parser)
    options = parser.parse_args()
    figures = measure(options)
    for figure in figures:
        print(figure.line(), flush=True)
    good = all(figure.met for figure in figures)
    if options.json:
        rows = [asdict(one) | {"ratio": round(one.ratio, 3), "met": one.met} for one in figures]
        print(json.dumps({"bench": name, "met": good, "figures": rows}), flush=True)
    return 0 if good else 1
