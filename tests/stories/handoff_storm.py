"""The hand-off survives any interruption: at any moment something breaks, the operator runs again, and it ends with nothing lost.

Takes about 8 minutes a round (ROUNDS, usually 1), and 15 more where no rack is saved yet; needs root, 24 GB of memory and 60 GB of disk.

SEED (usually 1) chooses moments and blows. BLOWS (usually 1) is how many fall in one hand-off, each in its own part of it: 150 seeds in a
row have every blow in every step with BLOWS=1, 45 with BLOWS=4. Round n of a run is SEED + n - 1, so a round that failed is played again by
its own SEED with ROUNDS=1. SPARE=1 lets the rehearsal deploy a spare, as the demo does, which takes two minutes more. Each round restores
the rack as it was before the hand-off; POINT=name takes another saved rack (`seedvm rack saved`), whatever the images are now. It must end
with SAFE TO LEAVE: YES, without two holders of the VIP that can reach each other, without the loss of a row that was acknowledged to a
writer, and with every id as before. All rounds ever played are kept in build/storm, with journal and logs of each; `python -m
tests.storm.table` prints them, and which blow has fallen in which step.
"""

from __future__ import annotations

from pathlib import Path

from tests.stories.story import SOURCE, Figures, Story
from tests.storm.point import ready
from tests.storm.round import Stage, play
from tests.storm.script import chosen
from tests.storm.table import Outcome, keep, markdown

ROUNDS = SOURCE / "build/storm"


def run(story: Story) -> Figures:
    rounds, seed = story.number("ROUNDS", 1), story.number("SEED", 1)
    blows, spare = story.number("BLOWS", 1), story.number("SPARE", 0)
    world, point = ready(Path("build"), story.folder, story.say, story.environment.get("POINT", ""))
    outcomes: list[Outcome] = []
    for number in range(rounds):
        folder = ROUNDS / f"round-{seed + number}-{blows}"
        script = chosen(seed + number, count=blows, spare=bool(spare))
        outcomes.append(play(Stage(world, point, folder, story.say), script, number + 1, seed + number))
        keep(outcomes[-1])
    return concluded(story.folder, outcomes)


def concluded(folder: Path, outcomes: list[Outcome]) -> Figures:
    """The table of one run; AssertionError names each round that was wrong."""
    (folder / "rounds.md").write_text(markdown(outcomes) + "\n")
    failed = [one for one in outcomes if one.wrong]
    assert not failed, "\n".join(one.line for one in failed)
    return figures(outcomes)


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """The worst of all rounds."""
    found = {
        "rounds": len(outcomes),
        "blows": sum(len(one.blows) for one in outcomes),
        "rows_lost": sum(one.rows_lost for one in outcomes),
    }
    worst = {
        "handoff_longest_gap_seconds": [one.gap for one in outcomes if one.gap is not None],
        "handoff_write_pause_seconds": [one.pause for one in outcomes if one.pause is not None],
        "more_runs": [one.tries for one in outcomes],
        "seconds": [round(one.seconds) for one in outcomes],
    }
    return found | {name: max(values) for name, values in worst.items() if values}
