"""No bytes from outside end a parser by anything but a refusal: coverage-guided fuzzing of every target, longer than any run of the tests.

Takes ROUNDS minutes (usually 10); SEED chooses where it begins (usually 1; each round adds one).

The corpus that earlier runs have grown is used, and grows. An input that fails is kept in build/fuzz/, and the story's folder has the log.
"""

from __future__ import annotations

import re
import sys

from seedvm.base import process
from tests.stories.story import SOURCE, Figures, Story

_SECONDS = 60
_MOST_SECONDS = 600.0
_TRIED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def run(story: Story) -> Figures:
    rounds, seed = story.number("ROUNDS", 10), story.number("SEED", 1)
    tried = 0
    for number in range(rounds):
        words = [sys.executable, "-m", "tests.fuzz", "--seconds", str(_SECONDS), "--seed", str(seed + number)]
        done = process.run(process.Command(words, cwd=SOURCE), timeout=_MOST_SECONDS, check=False)
        said = done.stdout + done.stderr
        (story.folder / f"round-{number + 1}.log").write_text(said)
        assert done.returncode == 0, f"seed {seed + number}: " + "\n".join(said.splitlines()[-30:])
        found = _TRIED.search(said)
        assert found, f"the fuzzer did not say how much it tried:\n{said[-2000:]}"
        tried += int(found[1])
        story.say(f"round {number + 1} of {rounds}, seed {seed + number}: {tried} inputs so far")
    return {"rounds": rounds, "inputs": tried, "inputs_per_second": round(tried / (rounds * _SECONDS))}
