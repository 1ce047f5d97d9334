"""A story is listed with what it proves and how long it takes, and each run of one leaves its figures and its verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stories import experiments
from tests.stories.__main__ import runner
from tests.stories.story import Figures, Story, listed, tell


def record(story: Story) -> dict[str, Any]:
    return dict(json.loads(story.record.read_text()))


@pytest.mark.parametrize("name", listed() | experiments.stories())
def test_a_story_says_what_it_proves_and_how_long_it_takes_and_can_be_run(name: str) -> None:
    proves, takes = (listed() | experiments.stories())[name]
    assert proves.endswith(".") and takes.startswith("Takes ") and takes.endswith((".", ":"))
    assert callable(runner(name))


def test_several_experiments_are_one_story_and_other_names_are_none() -> None:
    assert callable(experiments.runner("handoff-f1+f3")) and callable(runner("handoff-f1+f3"))
    assert [experiments.runner(name) for name in ("handoff-f1+f99", "f1", "handoff-storm", "fuzz")] == [None] * 4


def test_a_run_leaves_its_figures_its_parameters_and_the_verdict(tmp_path: Path) -> None:
    def run(story: Story) -> Figures:
        (story.folder / "log").touch()
        return {"rounds": story.number("ROUNDS", 3), "seed": story.number("SEED", 1)}

    story = Story("one", tmp_path / "one", {"ROUNDS": "5", "SEED": ""})
    assert tell(story, run) == "passed"
    found = record(story)
    assert (found["story"], found["verdict"], found["error"]) == ("one", "passed", "")
    assert found["figures"] == {"rounds": 5, "seed": 1}
    assert found["parameters"] == {"ROUNDS": 5, "SEED": 1}
    assert found["seconds"] >= 0 and found["began"].endswith("+00:00")


def test_what_was_left_by_the_run_before_is_gone(tmp_path: Path) -> None:
    story = Story("one", tmp_path / "one", {})
    story.folder.mkdir()
    (story.folder / "old").touch()
    assert tell(story, lambda _: {}) == "passed"
    assert not (story.folder / "old").exists()


def test_a_story_that_proves_the_opposite_fails_with_its_reason(tmp_path: Path) -> None:
    def run(story: Story) -> Figures:
        raise AssertionError("the pause was 61 s, at most 60")

    story = Story("one", tmp_path / "one", {})
    assert tell(story, run) == "failed"
    assert record(story)["error"] == "the pause was 61 s, at most 60"


def test_a_story_that_was_interrupted_says_so(tmp_path: Path) -> None:
    def run(story: Story) -> Figures:
        raise KeyboardInterrupt

    story = Story("one", tmp_path / "one", {})
    with pytest.raises(KeyboardInterrupt):
        tell(story, run)
    assert record(story)["verdict"] == "interrupted"


def test_a_parameter_that_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="ROUNDS=many is not a whole number"):
        Story("one", tmp_path / "one", {"ROUNDS": "many"}).number("ROUNDS", 1)
