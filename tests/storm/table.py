"""The rounds that were played: what each was and how it ended, kept in build/storm/rounds.jsonl over all runs.

`python -m tests.storm.table` prints them as Markdown, and which blow has fallen in which step how often.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.typed_json import decode, encode
from tests.storm.blows import BLOWS, STEPS
from tests.storm.striker import Landed

KEPT = Path("build/storm/rounds.jsonl")


@dataclass
class Outcome:
    """What a round was and how it ended; `wrong` is empty when all was right. `why` are the ends of runs before the last.

    `restored` and `seconds` are how long it took to be ready and in all; `gap` and `pause` are of the product, `without_vip` is seen.
    """

    number: int
    seed: int
    script: str
    began: str = ""
    code: str = ""
    blows: tuple[Landed, ...] = ()
    tries: int = 0
    why: tuple[str, ...] = ()
    verdict: str = ""
    wrong: tuple[str, ...] = ()
    rows: int = 0
    rows_lost: int = 0
    seconds: float = 0.0
    restored: float = 0.0
    gap: float | None = None
    pause: float | None = None
    without_vip: float = 0.0
    doubles: int = 0
    holders: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def found(self, *wrong: str) -> None:
        """Something is not as it must be."""
        self.wrong = (*self.wrong, *wrong)

    @property
    def line(self) -> str:
        """Its row of the table for a terminal."""
        ended = "right" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        figures = f"{self.tries} more runs, {self.rows} rows, {self.rows_lost} lost, gap {self.gap}, pause {self.pause}"
        return f"{self.number:>3}  seed {self.seed}  {self.what}; {figures}, {self.seconds:.0f} s: {ended}"

    @property
    def what(self) -> str:
        return "; ".join(f"{one.planned}: {one.what}" for one in self.blows) or self.script


def keep(outcome: Outcome, path: Path = KEPT) -> None:
    """Add a round to those that were played."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(encode(outcome)) + "\n")


def kept(path: Path = KEPT) -> list[Outcome]:
    """Every round that was played, in order."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [decode(Outcome, json.loads(line), f"{path}:{number}") for number, line in enumerate(lines, 1)]


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The rounds as a table, one line a round."""
    heads = (
        "seed",
        "blows",
        "more runs",
        "seconds",
        "pause s",
        "gap s",
        "no VIP s",
        "rows (lost)",
        "VIP at the end",
        "outcome",
    )
    lines = [_row(heads), _row("-" * 3 for _ in heads)]
    for one in outcomes:
        blows = "<br>".join(f"{blow.planned}: {blow.what}{_elsewhere(blow)}" for blow in one.blows) or one.script
        doubts = f" (doubts: {', '.join(one.doubts)})" if one.doubts else ""
        ended = "**wrong**: " + "; ".join(one.wrong) if one.wrong else "right" + doubts
        holders = "+".join(one.holders) + (f", {one.doubles} double" if one.doubles else "")
        figures = (
            one.tries,
            f"{one.seconds:.0f}",
            one.pause,
            one.gap,
            one.without_vip,
            f"{one.rows} ({one.rows_lost})",
        )
        lines.append(_row((one.seed, blows, *figures, holders, ended)))
    return "\n".join(lines)


def _elsewhere(blow: Landed) -> str:
    return "" if not blow.step or blow.planned.startswith(blow.step) else f" (in {blow.step})"


def coverage(outcomes: Iterable[Outcome]) -> str:
    """How often each blow has fallen in each step, as a table."""
    seen = Counter((blow.blow, blow.step) for one in outcomes for blow in one.blows)
    lines = [_row(("", *STEPS)), _row("-" * 3 for _ in range(len(STEPS) + 1))]
    lines += [_row((name, *(seen[name, step] or "" for step in STEPS))) for name in BLOWS]
    met = sum(bool(seen[name, step]) for name in BLOWS for step in STEPS)
    return "\n".join(lines) + f"\n\n{met} of {len(BLOWS) * len(STEPS)} pairs"


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join("" if cell is None else str(cell).replace("|", "/") for cell in cells) + " |"


def main(words: Sequence[str]) -> None:
    outcomes = kept(Path(words[0]) if words else KEPT)
    wrong = sum(bool(one.wrong) for one in outcomes)
    blows = sum(len(one.blows) for one in outcomes)
    sys.stdout.write(
        f"{markdown(outcomes)}\n\n{len(outcomes)} rounds, {blows} blows, {wrong} wrong\n\n{coverage(outcomes)}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
