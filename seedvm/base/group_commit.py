"""Writes that wait for the disk, together: what comes while one write is under way goes into the next, and one fsync serves all of it.

The work is done by one thread of its own, in the order in which it came, so that an event loop never waits for a disk. Nothing is
told to be done before it is. Refuses to begin what was cancelled in time, and to leave halfway what has begun.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Together(Generic[J, R]):
    """`work` does several jobs at once, in that thread, and gives for each its result or what it is refused with; what `work` raises
    is told to all of them. `rest` is how long the thread leaves the processor to others after each time, in seconds."""

    def __init__(self, work: Callable[[Sequence[J]], Sequence[R | Exception]], rest: float = 0.0) -> None:
        self._work = work
        self._rest = rest
        self._not_before = 0.0
        self._waiting: deque[tuple[J, Future[R]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")

    async def do(self, job: J) -> R:
        """The job's result, once it is done; whoever is cancelled takes the job back, if it has not begun."""
        return await asyncio.wrap_future(self._submit(job))

    async def surely(self, job: J) -> R:
        """As `do`, but it is done also when its caller is cancelled, and when the process ends in good order."""
        return await asyncio.shield(asyncio.wrap_future(self._submit(job)))

    def _submit(self, job: J) -> Future[R]:
        future: Future[R] = Future()
        self._waiting.append((job, future))
        self._thread.submit(self._drain)
        return future

    def _drain(self) -> None:
        """Everything that waits now; who comes for what has been taken along finds nothing, and that is well."""
        if self._waiting:
            time.sleep(max(0.0, self._not_before - time.monotonic()))
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        taken = [(job, future) for job, future in taken if future.set_running_or_notify_cancel()]
        if not taken:
            return
        answers: Sequence[R | BaseException]
        try:
            answers = self._work([job for job, _ in taken])
            if len(answers) != len(taken):
                raise ValueError(f"{len(taken)} jobs, {len(answers)} answers")
        except BaseException as error:  # whoever waits must hear of it, whatever it is
            answers = [error] * len(taken)
        self._not_before = time.monotonic() + self._rest
        for (_, future), answer in zip(taken, answers, strict=True):
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
