"""Whoever reads and answers in line mode: standard output and input, read without Python's buffers, so that Ctrl+C ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import threading
from collections.abc import Iterator
from typing import Protocol

from seedvm.foreign.text import printable
from tui.text.ascii import ascii_text

_PIECE = 4096


class Desk(Protocol):
    """Whoever reads and answers. `ask` gives None at the end of input."""

    def say(self, text: str) -> None: ...

    async def ask(self, question: str, *, hidden: bool = False) -> str | None: ...


class Terminal:
    """Standard output and input; a hidden answer is not echoed."""

    def __init__(self) -> None:
        self._ahead = b""

    def say(self, text: str) -> None:
        """A line, flushed at once."""
        sys.stdout.write(ascii_text(printable(text)).rstrip() + "\n")
        sys.stdout.flush()

    async def ask(self, question: str, *, hidden: bool = False) -> str | None:
        """A line from whoever is there; None at the end of input."""
        sys.stdout.write(ascii_text(printable(question)))
        sys.stdout.flush()
        with _unseen() if hidden and os.isatty(0) else contextlib.nullcontext():
            return await self._line()

    async def _line(self) -> str | None:
        # Neither asyncio's own threads, which the end of the program waits for, nor sys.stdin, whose lock it needs.
        while b"\n" not in self._ahead:
            piece = await _read()
            if not piece:
                break
            self._ahead += piece
        line, _, self._ahead = self._ahead.partition(b"\n")
        if not line and not _ and not self._ahead:
            return None
        return line.decode(errors="replace").rstrip("\r")


async def _read() -> bytes:
    """What comes next from standard input, in a thread that nobody waits for; empty at its end."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bytes] = loop.create_future()

    def give(piece: bytes) -> None:
        if not heard.done():
            heard.set_result(piece)

    def read() -> None:
        try:
            piece = os.read(0, _PIECE)
        except OSError:
            piece = b""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(give, piece)

    threading.Thread(target=read, daemon=True, name="input").start()
    return await heard


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    """No echo; as it was before at the end, be it by Ctrl+C."""
    before = termios.tcgetattr(0)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(0, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
        sys.stdout.write("\n")
        sys.stdout.flush()
