"""Review, confirmation, receipt."""

from __future__ import annotations

import json

import pytest

from seedvm.base.errors import SeedvmError
from tests.tui.helpers import EXAMPLE
from tui.state.files import confirmation, parse_receipt, parse_review, wipes

REVIEW = (EXAMPLE / "review.json").read_text()


def test_review_tells_what_is_wiped_from_what_is_not() -> None:
    review = parse_review(REVIEW)
    assert [machine.bmc for machine in review.to_wipe] == [f"172.22.1.2{n}" for n in range(1, 5)]
    assert next(machine.why for machine in review.untouched).startswith("nobody knows")


@pytest.mark.parametrize("typed", ["", "Example", "example ", " example", "demo", "example\n", "x" * 10_000])
def test_only_the_exact_name_confirms(typed: str) -> None:
    with pytest.raises(SeedvmError):
        confirmation(parse_review(REVIEW), typed, "now")


def test_confirmation_names_each_disk() -> None:
    text = confirmation(parse_review(REVIEW), "example", "2030-01-01T00:00:00+00:00")
    assert ("172.22.1.21", "EX0021", "/dev/sda") in wipes(text) and len(wipes(text)) == 4
    assert json.loads(text)["site"] == "example"


def test_wipe_must_be_true_and_not_something_like_it() -> None:
    tree = json.loads(REVIEW)
    tree["machines"][0]["disks"][0]["wipe"] = "yes"
    assert len(parse_review(json.dumps(tree)).to_wipe) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"site": "x", "machines": [{}]}', '{"site": "x", "machines": 3}'])
def test_a_broken_review_is_refused(text: str) -> None:
    with pytest.raises(SeedvmError):
        parse_review(text)


@pytest.mark.parametrize("said", [None, False, "true", 1, "yes"])
def test_a_receipt_that_does_not_say_true_lets_nobody_leave(said: object) -> None:
    assert not parse_receipt(json.dumps({"may_leave": said, "time": "t"}), doubt="").may_leave


def test_receipt_shows_unmeasured_figures_as_such() -> None:
    assert ("gap", "not measured") in parse_receipt('{"gap": null}', doubt="").lines
