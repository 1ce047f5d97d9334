"""One story for each experiment of tests/storm/experiments.py: `make story NAME=handoff-f2a`. It holds no story of its own name.

Several fall in one hand-off, in the order of their moments, with `make story NAME=handoff-f1+f3+f17`: it takes as long as one. `make story
NAME=handoff-f13` plays f13a, f13b and f13c, each in a hand-off of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.stories.handoff_storm import ROUNDS, concluded
from tests.stories.story import Figures, Story
from tests.storm.experiments import EXPERIMENTS
from tests.storm.point import ready
from tests.storm.round import Stage, play
from tests.storm.script import Blow, Script
from tests.storm.table import Outcome, keep
from tests.storm.world import World

_PREFIX = "handoff-"
TAKES = "Takes about 8 minutes, and 15 more where no rack is saved yet."


def stories() -> dict[str, tuple[str, str]]:
    """Each by name: what it proves, and how long it takes."""
    return {f"{_PREFIX}{name}": (one.right, TAKES) for name, one in EXPERIMENTS.items()}


def runner(name: str) -> Callable[[Story], Figures] | None:
    """What plays the story of this name; None where it names something else than experiments. A number without a letter means all of it."""
    names = name.removeprefix(_PREFIX).split("+")
    if not name.startswith(_PREFIX):
        return None
    lettered = [one for one in EXPERIMENTS if one[:-1] == names[0]] if len(names) == 1 else []
    if lettered and names[0] not in EXPERIMENTS:
        return partial(_run, hand_offs=[[one] for one in lettered])
    return partial(_run, hand_offs=[names]) if EXPERIMENTS.keys() >= {*names} else None


def _run(story: Story, *, hand_offs: Sequence[Sequence[str]]) -> Figures:
    world, point = ready(Path("build"), story.folder, story.say, story.environment.get("POINT", ""))
    outcomes = []
    for number, names in enumerate(hand_offs, 1):
        stage = Stage(world, point, ROUNDS / story.name / str(number), story.say)
        outcomes.append(_played(stage, names, number, story.number("SEED", 1)))
    try:
        return concluded(story.folder, outcomes)
    except AssertionError as error:
        right = "\n".join(f"right is: {EXPERIMENTS[name].right}" for names in hand_offs for name in names)
        raise AssertionError(f"{error}\n{right}") from None


def _played(stage: Stage, names: Sequence[str], number: int, seed: int) -> Outcome:
    """One hand-off with these experiments in it."""
    ones = {name: EXPERIMENTS[name] for name in names}
    blows = tuple(Blow(one.moment, one.strike, name) for name, one in ones.items())

    def also(world: World) -> list[str]:
        return [wrong for one in ones.values() for wrong in one.also(world)]

    lost = next((one.lost for one in ones.values() if one.lost is not None), None)
    spare = any(one.spare for one in ones.values())
    script = Script(blows, most_tries=8 * len(blows), spare=spare, also=also, lost=lost)
    outcome = play(stage, script, number, seed)
    for name in {*names} - {one.blow for one in outcome.blows}:
        outcome.found(f"the moment of {name} never came")
    keep(outcome, ROUNDS / "experiments.jsonl")
    return outcome
