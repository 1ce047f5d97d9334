"""Runs an async test in a network namespace of its own, so that real ports are free and nothing reaches the host's network."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process as proc

CLONE_NEWNET = 0x40000000
HANGS = 600.0
"""Seconds after which a test is taken to hang: no bound on what is tested."""


def isolated(test: Callable[..., Awaitable[None]], seconds: float = HANGS) -> Callable[..., None]:
    """The test as a plain function: its event loop runs in a thread that has left the host's network namespace."""

    @pytest.mark.root
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs root for a network namespace")
        run_isolated(lambda: test(*args, **kwargs), seconds)

    return run


def run_isolated(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do the work in an event loop of its own, in a thread that has left the host's network namespace."""
    failure: list[BaseException] = []

    def inside() -> None:
        try:
            _leave_host_network()
            proc.run(["ip", "link", "set", "lo", "up"], timeout=60)
            asyncio.run(_limited(work(), seconds))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


async def _limited(work: Awaitable[None], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await work


def _leave_host_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


@contextlib.contextmanager
def child(command: proc.Argv | proc.Command, log: Path | None = None) -> Iterator[proc.Child]:
    """A process that ends with the block."""
    process = proc.spawn(command, log=log)
    try:
        yield process
    finally:
        proc.stop(process)


async def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for a condition; TimeoutError when it hangs."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
