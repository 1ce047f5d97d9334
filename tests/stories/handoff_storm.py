"""The hand-off survives any interruption: at any moment something breaks, the operator runs again, and it ends with nothing lost.

Takes about 8 minutes a round (ROUNDS, usually 1), and 15 more where no rack is saved yet; needs root, 24 GB of memory and 60 GB of disk.

SEED (usually 1) chooses moment and blow: 150 seeds in a row have every blow in every step. Round n of a run is SEED + n - 1, so a round
that failed is played again by its own SEED with ROUNDS=1. SPARE=1 lets the rehearsal deploy a spare, as the demo does, which takes two
minutes more. Each round restores the rack as it was just before QUIESCE. It must end with SAFE TO LEAVE: YES, without two holders of the
VIP that can reach each other, without the loss of a row that was acknowledged to a writer, and with every id as before. The table is in
build/stories/handoff-storm/rounds.txt; the folder of a round that failed has journal and logs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.stories.story import SOURCE, Figures, Story
from tests.storm.blows import BLOWS, STEPS, Moment
from tests.storm.point import ready
from tests.storm.round import Outcome, Script, play


def run(story: Story) -> Figures:
    rounds, seed, spare = story.number("ROUNDS", 1), story.number("SEED", 1), story.number("SPARE", 0)
    world, point = ready(Path("build"), story.folder, story.say)
    outcomes: list[Outcome] = []
    for number in range(rounds):
        script = chosen(seed + number, spare=bool(spare))
        folder = (SOURCE / story.folder / f"round-{seed + number}").resolve()
        outcomes.append(play(world, point, script, number + 1, seed + number, folder, story.say))
        table(story.folder, outcomes)
    failed = [one for one in outcomes if one.wrong]
    assert not failed, "\n".join(one.line for one in failed)
    return figures(outcomes)


def chosen(seed: int, *, spare: bool) -> Script:
    """What happens in the round of this seed. So many seeds in a row as there are pairs have every blow in every step once."""
    steps, blows = list(STEPS), list(BLOWS)
    turn = seed - 1
    step = steps[turn % len(steps)]
    blow = blows[(turn // len(steps) + 4 * (turn % len(steps))) % len(blows)]
    after = round(random.Random(f"moment {seed}").uniform(0, STEPS[step]), 1)
    return Script(Moment(step, after), BLOWS[blow], blow, spare=spare)


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """The worst of all rounds."""
    found = {"rounds": len(outcomes), "rows_lost": sum(one.rows_lost for one in outcomes)}
    worst = {
        "handoff_longest_gap_seconds": [one.gap for one in outcomes if one.gap is not None],
        "handoff_write_pause_seconds": [one.pause for one in outcomes if one.pause is not None],
        "more_runs": [one.tries for one in outcomes],
        "seconds": [round(one.seconds) for one in outcomes],
    }
    return found | {name: max(values) for name, values in worst.items() if values}


def table(folder: Path, outcomes: list[Outcome]) -> None:
    """The rounds so far, for people and for programs."""
    (folder / "rounds.txt").write_text("\n".join(one.line for one in outcomes) + "\n")
    (folder / "rounds.json").write_text(json.dumps([vars(one) for one in outcomes], indent=1) + "\n")
