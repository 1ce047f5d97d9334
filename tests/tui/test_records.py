"""Review, confirmation, receipt."""

from __future__ import annotations

import json

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.site.review import Wipe, confirmation, parse_confirmed, parse_review, text_of
from tests.tui.helpers import EXAMPLE
from tui.state.files import parse_receipt

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
    wipe = parse_confirmed(text).wipe
    assert Wipe("172.22.1.21", "EX0021", "/dev/sda") in wipe and len(wipe) == 4
    assert json.loads(text)["site"] == "example"


def test_wipe_must_be_true_and_not_something_like_it() -> None:
    tree = json.loads(REVIEW)
    tree["machines"][0]["disks"][0]["wipe"] = "yes"
    with pytest.raises(SeedvmError, match=r"review\.json cannot be read") as refused:
        parse_review(json.dumps(tree))
    assert refused.value.why == "machines[0].disks[0].wipe is str, not bool"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"site": "x", "machines": [{}]}', '{"site": "x", "machines": 3}'])
def test_a_broken_review_is_refused(text: str) -> None:
    with pytest.raises(SeedvmError):
        parse_review(text)


@pytest.mark.parametrize("said", [None, False, "true", 1, "yes"])
def test_a_receipt_that_does_not_say_true_lets_nobody_leave(said: object) -> None:
    assert not parse_receipt(json.dumps({"may_leave": said, "time": "t"}), doubt="").may_leave


def test_receipt_shows_unmeasured_figures_as_such() -> None:
    assert ("gap", "not measured") in parse_receipt('{"gap": null}', doubt="").lines


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[]", "it is not an object"),
        ("{}", "site is missing"),
        ('{"site": "example", "time": "t", "wipe": [{"bmc": "a", "serial": "s"}]}', r"wipe\[0\].disk is missing"),
    ],
)
def test_a_broken_confirmation_is_refused_by_its_name_and_the_reason(text: str, why: str) -> None:
    with pytest.raises(SeedvmError, match=f"confirmed.json cannot be read: {why}"):
        parse_confirmed(text)


def test_every_field_of_a_recorded_review_is_read_and_written_again() -> None:
    for folder in ("demo", "example"):
        text = (EXAMPLE.parent / folder / "review.json").read_text()
        asked, again = json.loads(text), json.loads(text_of(parse_review(text)))
        assert asked["site"] == again["site"]
        for before, after in zip(asked["machines"], again["machines"], strict=True):
            assert before == {key: after.get(key) for key in before}
