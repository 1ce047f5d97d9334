"""One story for each experiment of tests/storm/experiments.py: `make story NAME=handoff-f2a`. It holds no story of its own name.

Several fall in one hand-off, in the order of their moments, with `make story NAME=handoff-f1+f3+f17`: it takes as long as one.
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
from tests.storm.table import keep
from tests.storm.world import World

_PREFIX = "handoff-"
TAKES = "Takes about 8 minutes, and 15 more where no rack is saved yet."


def stories() -> dict[str, tuple[str, str]]:
    """Each by name: what it proves, and how long it takes."""
    return {f"{_PREFIX}{name}": (one.right, TAKES) for name, one in EXPERIMENTS.items()}


def runner(name: str) -> Callable[[Story], Figures] | None:
    """What plays the story of this name; None where it names something else than experiments."""
    names = name.removeprefix(_PREFIX).split("+")
    if not name.startswith(_PREFIX) or not EXPERIMENTS.keys() >= {*names}:
        return None
    return partial(_run, names=names)


def _run(story: Story, *, names: Sequence[str]) -> Figures:
    ones = {name: EXPERIMENTS[name] for name in names}
    world, point = ready(Path("build"), story.folder, story.say, story.environment.get("POINT", ""))
    blows = tuple(Blow(one.moment, one.strike, name) for name, one in ones.items())

    def also(world: World) -> list[str]:
        return [wrong for one in ones.values() for wrong in one.also(world)]

    script = Script(blows, most_tries=8 * len(blows), spare=any(one.spare for one in ones.values()), also=also)
    stage = Stage(world, point, ROUNDS / story.name, story.say)
    outcome = play(stage, script, 1, story.number("SEED", 1))
    for name in {*names} - {one.blow for one in outcome.blows}:
        outcome.found(f"the moment of {name} never came")
    keep(outcome, ROUNDS / "experiments.jsonl")
    try:
        return concluded(story.folder, [outcome])
    except AssertionError as error:
        right = "\n".join(f"right is: {one.right}" for one in ones.values())
        raise AssertionError(f"{error}\n{right}") from None
