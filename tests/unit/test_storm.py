"""The rounds of the storm: which blow comes when, and what of them the table shows."""

from __future__ import annotations

import json
from pathlib import Path

from seedvm.engine.stages import STEPS as ENGINE_STEPS
from tests.stories.handoff_storm import chosen, figures, table
from tests.storm.blows import BLOWS, STEPS
from tests.storm.experiments import EXPERIMENTS
from tests.storm.round import Outcome


def test_as_many_seeds_as_there_are_pairs_have_every_blow_in_every_step_once() -> None:
    scripts = [chosen(seed, spare=False) for seed in range(1, len(STEPS) * len(BLOWS) + 1)]
    assert len({(one.moment.step, one.blow) for one in scripts}) == len(scripts)


def test_a_seed_chooses_the_same_round_again() -> None:
    one, again = chosen(17, spare=False), chosen(17, spare=False)
    assert (one.moment, one.blow) == (again.moment, again.blow)
    assert 0 <= one.moment.after <= STEPS[one.moment.step]


def test_every_step_that_a_moment_names_is_one_of_the_engines() -> None:
    named = {*STEPS, *(one.moment.step for one in EXPERIMENTS.values())}
    assert named <= {*ENGINE_STEPS}


def test_the_table_names_what_was_wrong_and_the_figures_are_the_worst(tmp_path: Path) -> None:
    right = Outcome(1, 5, "handoff-own started + 2.0 s", "cable-cut", gap=0.4, pause=9.0, rows=300)
    wrong = Outcome(
        2, 6, "receipt started + 1.0 s", "freeze", wrong=["3 acknowledged rows are lost"], rows_lost=3, gap=0.9
    )
    table(tmp_path, [right, wrong])
    lines = (tmp_path / "rounds.txt").read_text().splitlines()
    assert (
        lines[0].endswith(": right")
        and "seed 6" in lines[1]
        and lines[1].endswith("WRONG: 3 acknowledged rows are lost")
    )
    assert [one["seed"] for one in json.loads((tmp_path / "rounds.json").read_text())] == [5, 6]
    found = figures([right, wrong])
    assert (found["rounds"], found["rows_lost"]) == (2, 3)
    assert found["handoff_longest_gap_seconds"] == 0.9 and found["handoff_write_pause_seconds"] == 9.0
