"""One write for all that wait, in order, and nothing is told to be done before it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from seedvm.base.group_commit import Together


class Disk:
    """Work that takes until `ready` is set."""

    def __init__(self) -> None:
        self.begun, self.ready = threading.Event(), threading.Event()
        self.written: list[list[str]] = []

    def write(self, jobs: Sequence[str]) -> list[str | Exception]:
        self.begun.set()
        assert self.ready.wait(20)
        self.written.append(list(jobs))
        return [ValueError(job) if job.startswith("bad") else job.upper() for job in jobs]


async def begin(disk: Disk, together: Together[str, str]) -> asyncio.Task[str]:
    """The disk is busy with a first job."""
    first = asyncio.create_task(together.do("first"))
    assert await asyncio.to_thread(disk.begun.wait, 20)
    return first


async def test_what_comes_during_a_write_goes_into_the_next_and_each_gets_its_own_answer() -> None:
    disk = Disk()
    together = Together(disk.write)
    first = await begin(disk, together)
    rest = [asyncio.create_task(together.do(job)) for job in ("a", "bad b", "c")]
    await asyncio.sleep(0)
    assert not first.done()
    disk.ready.set()
    answers = await asyncio.gather(first, *rest, return_exceptions=True)
    assert disk.written == [["first"], ["a", "bad b", "c"]]
    assert [str(one) for one in answers] == ["FIRST", "A", "bad b", "C"]
    assert isinstance(answers[2], ValueError)


async def test_who_is_cancelled_before_the_write_leaves_nothing_unless_it_had_to_be_sure() -> None:
    disk = Disk()
    together = Together(disk.write)
    first = await begin(disk, together)
    fickle, sure = asyncio.create_task(together.do("fickle")), asyncio.create_task(together.surely("sure"))
    await asyncio.sleep(0)
    fickle.cancel()
    sure.cancel()
    assert all(
        isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(fickle, sure, return_exceptions=True)
    )
    disk.ready.set()
    await first
    assert await together.do("last") == "LAST"
    assert [job for jobs in disk.written for job in jobs] == ["first", "sure", "last"]


async def test_a_disk_that_fails_fails_all_who_wait_and_the_next_write_is_tried_again() -> None:
    full = [True]

    def write(jobs: Sequence[str]) -> list[str | Exception]:
        if full:
            raise OSError(28, "no space left")
        return list(jobs)

    together = Together(write)
    said = await asyncio.gather(together.do("a"), together.surely("b"), return_exceptions=True)
    assert [type(one) for one in said] == [OSError, OSError]
    full.clear()
    assert await together.do("c") == "c"


def test_one_object_serves_one_event_loop_after_the_other() -> None:
    together: Together[str, str] = Together(list)
    assert [asyncio.run(together.do(job)) for job in ("a", "b")] == ["a", "b"]


def test_what_had_to_be_sure_is_written_although_its_loop_has_ended() -> None:
    disk = Disk()
    together = Together(disk.write)

    async def leave() -> None:
        first = await begin(disk, together)
        task = asyncio.create_task(together.surely("sure"))
        await asyncio.sleep(0)
        for one in (first, task):
            one.cancel()

    asyncio.run(leave())
    disk.ready.set()
    assert asyncio.run(together.do("last")) == "LAST"
    assert [job for jobs in disk.written for job in jobs] == ["first", "sure", "last"]


async def test_work_that_gives_too_few_answers_is_told_to_who_waits() -> None:
    together: Together[str, str] = Together(lambda jobs: [])
    with pytest.raises(ValueError, match="1 jobs, 0 answers"):
        await asyncio.wait_for(together.do("a"), 60)


async def test_between_two_writes_others_have_the_processor_for_as_long_as_was_asked() -> None:
    times: list[float] = []

    def write(jobs: Sequence[str]) -> list[str | Exception]:
        times.append(time.monotonic())
        return list(jobs)

    together = Together(write, rest=0.2)
    for job in "ab":
        await together.do(job)
    assert times[1] - times[0] >= 0.2
