"""Waiting for a condition of the outside world, with a limit; an error at the limit says what was waited for and what was seen last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from seedvm.base.errors import SeedvmError

T = TypeVar("T")
Errors = tuple[type[SeedvmError], ...]

ANY_ERROR: Errors = (SeedvmError,)
NO_ERROR: Errors = ()


@dataclass(frozen=True)
class NotYet:
    """What a look saw instead of what is waited for; `machine` where that is not the same one all the time."""

    seen: str
    machine: str | None = None

    def __bool__(self) -> Literal[False]:
        return False


class TimedOut(SeedvmError):
    """It did not come within the limit."""


class Hopeless(SeedvmError):
    """Waiting cannot help: ends a wait at once."""


async def wait_for(
    look: Callable[[], Awaitable[T | NotYet | None]],
    *,
    seconds: float,
    what: str,
    machine: str | None = None,
    hint: str = "",
    pause: float = 1.0,
    passing: Errors = ANY_ERROR,
) -> T:
    """Await `look()` every `pause` seconds until it returns something true, and return that; `what` is a sentence on its absence.

    An error of a kind in `passing` counts as "not yet", alone or in a group; any other one, and Hopeless, ends the wait. TimedOut after
    `seconds`, also where a look hangs: it is cancelled.
    """
    wait = _Wait(seconds, what, machine, hint, passing)
    try:
        async with asyncio.timeout(seconds) as limit:
            while True:
                try:
                    if wait.noted(found := await look()) and found:
                        return found
                except (SeedvmError, ExceptionGroup) as error:
                    wait.tolerate(error)
                await asyncio.sleep(pause)
    except TimeoutError:
        if not limit.expired():
            raise
        raise wait.timed_out() from None


def wait_for_sync(
    look: Callable[[], T | NotYet | None],
    *,
    seconds: float,
    what: str,
    machine: str | None = None,
    hint: str = "",
    pause: float = 1.0,
    passing: Errors = ANY_ERROR,
) -> T:
    """`wait_for` where there is no event loop. A look that hangs is not ended; one more comes after the limit is reached."""
    wait = _Wait(seconds, what, machine, hint, passing)
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= deadline
        try:
            if wait.noted(found := look()) and found:
                return found
        except (SeedvmError, ExceptionGroup) as error:
            wait.tolerate(error)
        if late:
            raise wait.timed_out()
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))


@dataclass
class _Wait:
    seconds: float
    what: str
    machine: str | None
    hint: str
    passing: Errors
    seen: str = "the condition was never met"

    def noted(self, found: object) -> bool:
        """Keep what a look saw; True where it is more than that."""
        if not isinstance(found, NotYet):
            return True
        self.seen, self.machine = found.seen, found.machine or self.machine
        return False

    def tolerate(self, error: SeedvmError | ExceptionGroup[Exception]) -> None:
        """Keep an error that counts as "not yet", raise any other."""
        for one in _leaves(error):
            if isinstance(one, Hopeless) or not isinstance(one, self.passing):
                raise error
            self.seen = str(one)

    def timed_out(self) -> TimedOut:
        what = f"{self.what}: timed out after {self.seconds:g} s"
        return TimedOut(what, machine=self.machine, why=self.seen, hint=self.hint)


def _leaves(error: Exception) -> list[Exception]:
    if isinstance(error, ExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
