"""Waiting for a condition of the outside world, with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from seedvm.base.errors import SeedvmError

T = TypeVar("T")


async def wait_for(look: Callable[[], Any], *, seconds: float, what: str, hint: str = "", pause: float = 1.0) -> Any:
    """Await `look()` until it returns something true. A SeedvmError counts as "not yet"; the last one is told at the end."""
    last: SeedvmError | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if found := await look():
                        return found
                except SeedvmError as error:
                    last = error
                except ExceptionGroup as group:
                    last = next((error for error in group.exceptions if isinstance(error, SeedvmError)), last)
                await asyncio.sleep(pause)
    except TimeoutError:
        raise SeedvmError(f"{what}: not within {seconds:g} s", why=str(last or "it was never so"), hint=hint) from None
