"""The gap that a client of the VIP sees, as it opens and closes."""

from __future__ import annotations

from seedvm.handoff.live import gaps_of
from seedvm.member.watch import Sample, parse


def samples(api: str, *answers: tuple[float, bool]) -> list[Sample]:
    return [Sample(api, at, good) for at, good in answers]


def test_a_gap_is_open_until_the_next_answer() -> None:
    keystone = samples("keystone", (0.0, True), (0.2, True), (0.4, False), (0.6, False), (1.0, False))
    now, longest, polls = gaps_of(keystone)
    assert (round(now, 3), round(longest, 3), polls) == (0.8, 0.8, 5)
    now, longest, _ = gaps_of([*keystone, *samples("keystone", (1.2, True), (1.4, True))])
    assert (round(now, 3), round(longest, 3)) == (0.0, 1.0)


def test_the_worst_api_counts_and_they_are_not_mixed() -> None:
    mixed = samples("heat", (0.0, True), (2.0, True)) + samples("keystone", (0.1, True), (1.0, True), (1.9, True))
    now, longest, _ = gaps_of(mixed)
    assert (round(now, 3), round(longest, 3)) == (0.0, 2.0)


def test_torn_lines_and_those_of_another_watch_are_passed_over() -> None:
    lines = [
        '{"api": "heat", "at": 5.0, "good": true, "token": "before"}',
        '{"api": "heat", "at": 9.0, "go',
        "",
        '{"api": "heat", "at": 9.5, "good": false, "token": "now", "boot": "b"}',
    ]
    assert parse(lines, "now") == [Sample("heat", 9.5, False, "now", "b")]
    assert gaps_of([]) == (0.0, 0.0, 0)
