"""Figures out of samples: percentiles, failures, a quarter hour in a few columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seedvm.monitor.model import EVERY_SECONDS, SAMPLES, Answered, MemberSample

QUARTER_HOUR = SAMPLES * EVERY_SECONDS


def recent(answers: Iterable[Answered], now: float) -> tuple[Answered, ...]:
    """Those of the last quarter hour."""
    return tuple(one for one in answers if now - one.at <= QUARTER_HOUR)


def p95(answers: Iterable[Answered]) -> float | None:
    """Milliseconds within which 95 of 100 answers came; None without any."""
    times = sorted(one.ms for one in answers if one.good)
    return times[min(len(times) - 1, int(len(times) * 0.95))] if times else None


def failed(answers: Iterable[Answered]) -> int:
    """How many requests got no answer, or an error of the server."""
    return sum(not one.good for one in answers)


def columns(answers: Sequence[Answered], now: float, count: int) -> tuple[float | None, ...]:
    """The quarter hour in `count` columns, oldest first: the slowest answer of each, infinity where one failed, None where none was."""
    found: list[float | None] = [None] * count
    for one in answers:
        age = now - one.at
        if 0 <= age <= QUARTER_HOUR:
            at = max(0, count - 1 - int(age / QUARTER_HOUR * count))
            found[at] = max(found[at] or 0.0, one.ms if one.good else float("inf"))
    return tuple(found)


def own(sample: MemberSample) -> tuple[Answered, ...]:
    """Every answer of a member's own APIs, by time."""
    return tuple(sorted(one for answers in sample.apis.values() for one in answers))
