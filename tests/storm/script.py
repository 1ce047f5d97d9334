"""What happens in a round: blows in an order, each at its moment; chosen from one number, or by name for an experiment."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.storm.blows import BLOWS, STEPS, Moment, Strike
from tests.storm.world import World


@dataclass(frozen=True)
class Blow:
    """One of them: when, what, and its name in the table."""

    moment: Moment
    strike: Strike
    name: str


@dataclass(frozen=True)
class Script:
    """The blows of a round, and how often the operator runs again at most. `also` finds what else is wrong at the end. `lost` is the
    number of a node whose machine dies for good: another one is in its place at the end."""

    blows: tuple[Blow, ...]
    most_tries: int = 8
    spare: bool = False
    also: Callable[[World], list[str]] = lambda _: []
    lost: int | None = None


def chosen(seed: int, *, count: int, spare: bool) -> Script:
    """The script of this seed, with a blow in each of `count` parts of the hand-off.

    So many seeds in a row as a part has pairs of a step and a blow have each pair of that part once: 150 for one part, 45 for four.
    """
    chance = random.Random(f"moment {seed}")
    found = [_blow(part, seed - 1, 4 * number, chance) for number, part in enumerate(parts(count))]
    return Script(tuple(found), most_tries=4 + 4 * count, spare=spare)


def parts(count: int) -> list[Sequence[str]]:
    """The steps of the hand-off in `count` parts, in order."""
    steps = list(STEPS)
    ends = [len(steps) * number // count for number in range(count + 1)]
    return [steps[begin:end] for begin, end in itertools.pairwise(ends)]


def _blow(steps: Sequence[str], turn: int, shift: int, chance: random.Random) -> Blow:
    blows = list(BLOWS)
    place = turn % len(steps)
    name = blows[(turn // len(steps) + 4 * place + shift) % len(blows)]
    step = steps[place]
    return Blow(Moment(step, round(chance.uniform(0, STEPS[step]), 1)), BLOWS[name], name)
