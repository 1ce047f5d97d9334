"""The rounds of the storm: which blow comes when, and what of them the table shows."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from seedvm.engine.stages import STEPS as ENGINE_STEPS
from tests.stories.handoff_storm import concluded, figures
from tests.storm.blows import BLOWS, STEPS
from tests.storm.experiments import EXPERIMENTS
from tests.storm.script import chosen
from tests.storm.striker import Landed
from tests.storm.table import Outcome, coverage, keep, kept


@pytest.mark.parametrize(("count", "seeds"), [(1, 150), (2, 75), (4, 45)])
def test_so_many_seeds_in_a_row_have_every_blow_in_every_step(count: int, seeds: int) -> None:
    scripts = [chosen(seed, count=count, spare=False) for seed in range(1, seeds + 1)]
    assert {(blow.moment.step, blow.name) for one in scripts for blow in one.blows} == {*product(STEPS, BLOWS)}


def test_the_blows_of_a_round_come_in_the_order_of_the_steps() -> None:
    for seed in range(1, 46):
        steps = [blow.moment.step for blow in chosen(seed, count=4, spare=False).blows]
        assert len(steps) == 4 and steps == sorted(steps, key=list(STEPS).index)


def test_a_seed_chooses_the_same_round_again() -> None:
    one, again = chosen(17, count=4, spare=False), chosen(17, count=4, spare=False)
    assert one.blows == again.blows
    assert all(0 <= blow.moment.after <= STEPS[blow.moment.step] for blow in one.blows)


def test_every_step_that_a_moment_names_is_one_of_the_engines() -> None:
    assert list(STEPS) == [step for step in ENGINE_STEPS if step in STEPS], "in the engine's order"
    named = {*STEPS, *(one.moment.step for one in EXPERIMENTS.values())}
    assert named <= {*ENGINE_STEPS}


def test_the_table_names_what_was_wrong_and_the_figures_are_the_worst(tmp_path: Path) -> None:
    landed = Landed("handoff-own started + 2.0 s", "cable-cut", "cut m1 for 30 s", "handoff-own")
    late = Landed("receipt started + 3.0 s", "freeze", "freeze m2 for 9 s", "leave-cluster")
    right = Outcome(1, 5, "", blows=(landed,), gap=0.4, pause=9.0, rows=300)
    wrong = Outcome(2, 6, "", blows=(landed, late), wrong=("3 rows are lost",), rows_lost=3, gap=0.9)
    for one in (right, wrong):
        keep(one, tmp_path / "rounds.jsonl")
    assert kept(tmp_path / "rounds.jsonl") == [right, wrong]
    with pytest.raises(AssertionError, match=r"seed 6 .*WRONG: 3 rows are lost"):
        concluded(tmp_path, [right, wrong])
    lines = (tmp_path / "rounds.md").read_text().splitlines()
    assert len(lines) == 4 and lines[2].endswith("| right |") and lines[3].endswith("| **wrong**: 3 rows are lost |")
    assert "receipt started + 3.0 s: freeze m2 for 9 s (in leave-cluster)" in lines[3]
    assert coverage([right, wrong]).endswith("2 of 150 pairs"), "the step in which a blow fell counts"
    found = figures([right, wrong])
    assert (found["rounds"], found["blows"], found["rows_lost"]) == (2, 3, 3)
    assert found["handoff_longest_gap_seconds"] == 0.9 and found["handoff_write_pause_seconds"] == 9.0
