"""What is asked while writes are refused: many questions at the same time, as each second counts. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.handoff import services
from seedvm.handoff.services import Ids

A = TypeVar("A")
B = TypeVar("B")


async def both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """The results of two at the same time. The first failure ends the other one, and comes out as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(_result(one)), group.create_task(_result(other))
    except BaseExceptionGroup as failed:
        raise _first(failed) from None
    return first.result(), second.result()


async def _result(one: Awaitable[A]) -> A:
    return await one


async def in_flight(api: Client) -> tuple[str, ...]:
    """As `services.in_flight`, each service asked at the same time."""
    found = await asyncio.gather(*(in_thread(partial(part, api)) for part in services.IN_FLIGHT))
    return tuple(phrase for part in found for phrase in part)


async def ids(api: Client) -> Ids:
    """As `services.ids`, each kind asked for at the same time."""
    found = await asyncio.gather(*(in_thread(partial(listed, api)) for listed in services.IDS.values()))
    return dict(zip(services.IDS, found, strict=True))


def _first(failed: BaseException) -> BaseException:
    return _first(failed.exceptions[0]) if isinstance(failed, BaseExceptionGroup) else failed
