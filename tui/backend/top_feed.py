"""What `seedvm top` shows, as its screen gets it: overviews from a collector that is a process of its own, one JSON line each.

The screen asks nobody itself, so no slow API and no dead machine holds up a key. A collector that ends is said and started again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode
from seedvm.foreign.text import shown
from seedvm.monitor.model import Overview

_LONGEST_LINE = 1 << 26
_AGAIN_SECONDS = 5.0
_ORDER_SECONDS = 60.0


class Feed(Protocol):
    """Where a screen gets overviews from, and where it sends orders. `follow` gives a text where there is none, with the reason."""

    def follow(self) -> AsyncIterator[Overview | str]: ...

    async def order(self, *words: str) -> str: ...


class Collected:
    """The collector on this machine, for the site in `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self._words = [sys.executable, "-m", "seedvm", "top", "--state-dir", str(state_dir.absolute())]

    async def follow(self) -> AsyncIterator[Overview | str]:
        """For ever: each overview as it comes, the collector's last words where it has ended."""
        while True:
            with tempfile.TemporaryDirectory() as folder:
                log = Path(folder, "log")
                child = process.spawn([*self._words, "--json", "--follow"], log=log, stdout=process.PIPE)
                try:
                    async for line in _lines(child):
                        yield await asyncio.to_thread(_overview, line)
                finally:
                    await asyncio.to_thread(process.stop, child)
                said = log.read_text(errors="replace") if log.exists() else ""
            yield _last_words(said) or f"the collector ended with exit code {child.returncode}"
            await asyncio.sleep(_AGAIN_SECONDS)

    async def order(self, *words: str) -> str:
        """What came of an order. Raises SeedvmError where it was refused."""
        done = await process.arun([*self._words, *words], timeout=_ORDER_SECONDS, check=False)
        if done.returncode != 0:
            raise SeedvmError("refused", why=shown(" ".join(done.stderr.split()), 400))
        return shown(" ".join(done.stdout.split()), 400)


async def _lines(child: process.Child) -> AsyncIterator[bytes]:
    assert child.stdout is not None, "spawned with a pipe"
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), child.stdout)
    try:
        while line := await reader.readline():
            yield line
    finally:
        transport.close()


def _overview(line: bytes) -> Overview | str:
    try:
        return decode(Overview, json.loads(line), "the collector's answer")
    except (ValueError, SeedvmError) as error:
        return str(error)


def _last_words(said: str) -> str:
    """What the collector wrote before it ended: an error as JSON, or text."""
    for line in reversed(said.strip().splitlines()):
        try:
            error = json.loads(line)["error"]
            return ": ".join(str(error[key]) for key in ("what", "why", "hint") if error.get(key))
        except (ValueError, KeyError, TypeError):
            return shown(line, 400)
    return ""
