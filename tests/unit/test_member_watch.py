"""What a gap is."""

from __future__ import annotations

import pytest

from seedvm.member.watch import WRITES, Sample, measure, write_pause


def test_polls_that_all_succeed_have_a_gap_of_the_interval() -> None:
    (gap,) = measure(Sample("keystone", at, True) for at in (1.0, 1.2, 1.4, 1.6))
    assert gap.longest_seconds == pytest.approx(0.2)
    assert (gap.polls, gap.failed) == (4, 0)


def test_failed_polls_widen_the_gap_from_answer_to_answer() -> None:
    samples = [
        Sample("heat", 1.0, True),
        Sample("heat", 1.2, False),
        Sample("heat", 2.9, False),
        Sample("heat", 3.1, True),
    ]
    (gap,) = measure(samples)
    assert gap.longest_seconds == pytest.approx(2.1)
    assert gap.ended_at == 3.1
    assert gap.failed == 2


def test_an_api_that_never_answered_has_a_gap_as_long_as_the_watch() -> None:
    (gap,) = measure([Sample("heat", 1.0, False), Sample("heat", 6.0, False)])
    assert gap.longest_seconds == 5.0


def test_silence_at_either_end_of_the_watch_counts() -> None:
    (gap,) = measure([Sample("heat", 0.0, False), Sample("heat", 4.0, True), Sample("heat", 4.2, True)])
    assert gap.longest_seconds == 4.0


def test_answers_that_come_out_of_order_are_sorted_and_apis_are_told_apart() -> None:
    samples = [
        Sample("keystone", 2.0, True),
        Sample("heat", 1.0, True),
        Sample("keystone", 1.0, True),
        Sample("heat", 1.5, True),
    ]
    assert [(gap.api, gap.longest_seconds) for gap in measure(samples)] == [("heat", 0.5), ("keystone", 1.0)]


def writes(*passed: int) -> list[Sample]:
    return [Sample(WRITES, number / 5, bool(good)) for number, good in enumerate(passed)]


def test_the_pause_of_writes_is_from_the_last_that_passed_to_the_first_that_passed_again() -> None:
    assert write_pause(writes(1, 1, 0, 0, 0, 0, 1, 1)) == 1.0
    assert write_pause([*writes(1, 0, 1), Sample("keystone", 0.0, True), Sample("keystone", 99.0, True)]) == 0.4


def test_a_pause_that_was_not_seen_from_end_to_end_is_not_known() -> None:
    assert write_pause([]) is None
    assert write_pause(writes(0, 0, 1, 1)) is None, "it began before the watch did"
    assert write_pause(writes(1, 1, 0, 0)) is None, "it has not ended yet"
    assert write_pause([Sample("keystone", 0.0, True), Sample("keystone", 1.0, True)]) is None
