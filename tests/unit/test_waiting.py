"""Waiting for a condition: it comes, it does not come, it cannot come any more, and the wait is given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, Hopeless, NotYet, TimedOut, wait_for, wait_for_sync

WHAT = "the service does not answer"


class Refused(SeedvmError):
    pass


async def test_what_a_look_finds_is_given_back() -> None:
    looks = iter([NotYet("starting"), None, SeedvmError("no connection"), ["found"]])
    assert await wait_for(partial(looked, looks.__next__), seconds=60, what=WHAT, pause=0.001) == ["found"]
    looks = iter([NotYet("starting"), None, SeedvmError("no connection"), ["found"]])
    assert wait_for_sync(partial(answer, looks.__next__), seconds=60, what=WHAT, pause=0.001) == ["found"]
    assert wait_for_sync(lambda: "at once", seconds=0, what=WHAT) == "at once"


async def test_a_limit_names_what_was_waited_for_where_what_was_seen_last_and_what_to_do() -> None:
    wanted = "m1: the service does not answer: timed out after 0.05 s: it starts (look at its log)"
    with pytest.raises(TimedOut) as late:
        await wait_for(
            partial(looked, lambda: NotYet("it starts")),
            seconds=0.05,
            what=WHAT,
            machine="m1",
            hint="look at its log",
            pause=0.001,
        )
    assert str(late.value) == wanted
    with pytest.raises(TimedOut) as late:
        wait_for_sync(
            lambda: NotYet("it starts", "m1"),
            seconds=0.05,
            what=WHAT,
            machine="m0",
            hint="look at its log",
            pause=0.001,
        )
    assert str(late.value) == wanted


async def test_an_error_that_passes_is_the_last_thing_seen_also_in_a_group() -> None:
    def fail() -> bool:
        raise ExceptionGroup("two nodes", [ExceptionGroup("one", [SeedvmError("no route", machine="m2")])])

    with pytest.raises(TimedOut, match="m2: no route"):
        await wait_for(partial(looked, fail), seconds=0.05, what=WHAT, pause=0.001)
    with pytest.raises(TimedOut, match="m2: no route"):
        wait_for_sync(fail, seconds=0.05, what=WHAT, pause=0.001)


@pytest.mark.parametrize("error", [Hopeless("it failed"), ValueError("a bug"), TimeoutError("of its own")])
async def test_what_waiting_cannot_help_ends_it_at_once(error: Exception) -> None:
    for raised in (error, ExceptionGroup("two nodes", [SeedvmError("no route"), error])):
        with pytest.raises(type(raised)) as ended:
            await wait_for(partial(looked, lambda raised=raised: raised), seconds=600, what=WHAT)
        assert ended.value is raised
        with pytest.raises(type(raised)):
            wait_for_sync(partial(answer, lambda raised=raised: raised), seconds=600, what=WHAT)


async def test_only_errors_of_the_named_kinds_pass() -> None:
    looks = iter([Refused("busy"), True])
    assert await wait_for(partial(looked, looks.__next__), seconds=60, what=WHAT, pause=0.001, passing=(Refused,))
    with pytest.raises(SeedvmError, match="no route"):
        await wait_for(partial(looked, lambda: SeedvmError("no route")), seconds=600, what=WHAT, passing=(Refused,))
    with pytest.raises(Refused):
        wait_for_sync(partial(answer, lambda: Refused("no")), seconds=600, what=WHAT, passing=NO_ERROR)


async def test_a_look_that_hangs_is_ended_at_the_limit() -> None:
    ended = asyncio.Event()

    async def hang() -> bool:
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        return True

    with pytest.raises(TimedOut, match="the condition was never met"):
        await wait_for(hang, seconds=0.05, what=WHAT)
    assert ended.is_set()


async def test_a_wait_that_is_cancelled_ends_as_cancelled() -> None:
    looking = asyncio.Event()

    async def look() -> bool:
        looking.set()
        return False

    waiting = asyncio.create_task(wait_for(look, seconds=600, what=WHAT))
    await looking.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_the_last_look_comes_at_the_limit_and_not_a_pause_later() -> None:
    began, looks = time.monotonic(), 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return looks == 2

    assert wait_for_sync(look, seconds=0.1, what=WHAT, pause=600)
    assert time.monotonic() - began < 300


async def looked(found: Callable[[], object]) -> object:
    return answer(found)


def answer(found: Callable[[], object]) -> object:
    """What was found, or it is raised where it is an error."""
    value = found()
    if isinstance(value, Exception):
        raise value
    return value
