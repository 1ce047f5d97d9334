"""Waiting for a condition of the outside world, with a limit; an error at the limit says what was waited for and what was seen last.

`wait_for` waits until something is there; `wait_out` repeats a read through a minute of trouble, and says so to whoever listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeVar

from seedvm.base.errors import SeedvmError

T = TypeVar("T")
Errors = tuple[type[SeedvmError], ...]

ANY_ERROR: Errors = (SeedvmError,)
NO_ERROR: Errors = ()
TROUBLE_SECONDS = 60.0
_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)
_waiting: ContextVar[bool] = ContextVar("waiting", default=False)


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
    outer = _waiting.set(True)
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
    finally:
        _waiting.reset(outer)


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


@contextlib.contextmanager
def noticed_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Whoever waits out trouble within says so to `listener`: once when it starts and once when it has passed."""
    outer = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(outer)


async def wait_out(
    read: Callable[[], Awaitable[T]], *, seconds: float = TROUBLE_SECONDS, pause: float = 2.0, quiet: int = 1
) -> T:
    """The result of `read`, repeated every `pause` seconds while it fails by a cause that may pass (`SeedvmError.passing`), for `seconds`
    at most; then its error. The first `quiet` repetitions are not worth a word. Within `wait_for` there is one attempt alone: that waits
    itself, and has to see each error.
    """
    started = time.monotonic()
    failures = 0
    while True:
        try:
            found = await read()
        except SeedvmError as error:
            if not error.passing or _waiting.get() or time.monotonic() - started + pause > seconds:
                raise
            failures += 1
            if failures == quiet + 1:
                _notice(f"{error}; waiting up to {seconds:.0f} s for it to pass")
            await asyncio.sleep(pause)
        else:
            if failures > quiet:
                _notice(f"the trouble has passed after {time.monotonic() - started:.0f} s")
            return found


def may_pass(error: BaseException) -> bool:
    """Whether the cause of a failure, alone or in a group, may pass without the operator."""
    leaves = _leaves(error)
    return all(isinstance(one, SeedvmError) and one.passing for one in leaves)


def _notice(message: str) -> None:
    if (listener := _listener.get()) is not None:
        listener(message)


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


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
