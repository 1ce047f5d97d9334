"""One story for each experiment of tests/storm/experiments.py: `make story NAME=handoff-f2a`. It holds no story of its own name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.stories.handoff_storm import ROUNDS, concluded
from tests.stories.story import Figures, Story
from tests.storm.experiments import EXPERIMENTS
from tests.storm.point import ready
from tests.storm.round import Stage, play
from tests.storm.script import Blow, Script
from tests.storm.table import keep

TAKES = "Takes about 8 minutes, and 15 more where no rack is saved yet."


def stories() -> dict[str, tuple[str, str]]:
    """Each by name: what it proves, and how long it takes."""
    return {f"handoff-{name}": (one.right, TAKES) for name, one in EXPERIMENTS.items()}


def runner(name: str) -> Callable[[Story], Figures]:
    """What plays the story of this name."""
    return partial(_run, name=name.removeprefix("handoff-"))


def _run(story: Story, *, name: str) -> Figures:
    one = EXPERIMENTS[name]
    world, point = ready(Path("build"), story.folder, story.say, story.environment.get("POINT", ""))
    script = Script((Blow(one.moment, one.strike, name),), spare=one.spare, also=one.also)
    stage = Stage(world, point, ROUNDS / f"handoff-{name}", story.say)
    outcome = play(stage, script, 1, story.number("SEED", 1))
    keep(outcome, ROUNDS / "experiments.jsonl")
    try:
        return concluded(story.folder, [outcome])
    except AssertionError as error:
        raise AssertionError(f"{error}\nright is: {one.right}") from None
