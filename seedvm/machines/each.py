"""The work on many machines at once, where what happens to one is that machine's remark and stops no other.

Every step that acts on machines uses this, so that a BMC with bad JSON, a closed connection or a value that nobody thought of costs its
own machine and no more; so does a panic of a library in Rust. Cancellation passes through; so does a failure to note the remark,
which concerns everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from seedvm.base import trace
from seedvm.base.endings import ENDINGS
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import strike_known
from seedvm.foreign.text import shown

T = TypeVar("T")
OURS = "run again; if it happens again, run with --trace and report it as a bug in seedvm"


@dataclass(frozen=True)
class MachineRemark:
    """Why the work on a machine came to nothing, on one line, and what the operator does about it. `passing`: the cause may pass without
    the operator."""

    reason: str
    cure: str
    passing: bool = False


def remark_of(error: BaseException) -> MachineRemark:
    """Of what was raised: an expected error says its cure, any other one is named by its type and counts as ours."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, SeedvmError):
        parts = (shown(part, 600) for part in (error.what, error.why))
        return MachineRemark(": ".join(filter(None, parts)), shown(error.hint, 600) or "run again", error.passing)
    text = shown(strike_known(str(error)), 300)
    return MachineRemark(": ".join(filter(None, ("unexpected error", type(error).__name__, text))), OURS)


async def each(
    machines: Iterable[T],
    work: Callable[[T], Awaitable[None]],
    fell: Callable[[T, MachineRemark], Awaitable[None]],
    *,
    where: str,
    at_once: int | None = None,
) -> None:
    """Do `work` for all machines side by side, at most `at_once` of them; `fell` notes the remark of one that raised. `where` names the
    work in the trace."""
    gate = asyncio.Semaphore(at_once or 1_000_000)

    async def one(machine: T) -> None:
        async with gate:
            try:
                await work(machine)
            except ENDINGS:
                raise
            except BaseException as error:
                trace.error(error, where)
                await fell(machine, remark_of(error))

    async with asyncio.TaskGroup() as group:
        for machine in machines:
            group.create_task(one(machine))
