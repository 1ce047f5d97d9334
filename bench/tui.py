"""The wizard with 1,000 nodes and 100,000 events: seconds to open, milliseconds from key to paint, longest time it stands still.

Opening and keys are measured on a real pseudo terminal, from outside, while an engine is at work and its journal grows; standing still is
measured from inside, as the longest wait of the event loop. The limits are the project's own: no peer publishes any. From each time
is taken what its process spent waiting for a processor (the kernel's schedstat): other programs' work is not the screen's. One figure is by
the clock alone, with two other programs that want a processor all the time: its limit is for a machine of two that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.common import Figure, run_bench
from seedvm.base import process
from seedvm.base.json_tree import JSON
from seedvm.engine.codec import encode
from seedvm.engine.events import Entry, Unknown
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient

NODES, EVENTS = 1000, 100_000
EVENTS_A_SECOND = 50
ROUNDS = 12
OPEN_SECONDS, BUSY_OPEN_SECONDS, PAINT_MS, STILL_MS = 2.0, 4.0, 50.0, 100.0
_DOWN, _UP, _PAGE_DOWN, _PAGE_UP, _F2, _HOME = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[5~", b"\x1bOQ", b"\x1b[H"
_SAME_PAINT_SECONDS, _NO_PAINT_SECONDS = 0.012, 0.6
_ENV = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": "/"}
_BUSY = {"hardware": b"", "review": b"\t", "progress": b""}
"""Pages with all machines on them, and the key that brings the keys to their list."""


def line(number: int, event: str, step: str | None = None, **fields: JSON) -> str:
    """A line of the journal."""
    when = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
    return encode(Entry(number, when, "bench", "run", Unknown(event, fields), step)) + "\n"


def node_line(number: int) -> str:
    """One of the nodes comes on."""
    phase = ("power", "ramdisk", "write", "boot")[number // NODES % 4]
    return line(
        number,
        "node",
        "deploy",
        node=f"bench-{number % NODES:04}",
        phase=phase,
        percent=number % 100,
        detail="golden image",
    )


def lay_out(folder: Path) -> None:
    """A state folder in the middle of a deployment of all nodes."""
    plan = [{"name": "deploy", "title": "Deploy the undercloud", "stretch": "deploy", "usual_seconds": 600.0}]
    head = [line(1, "run-started", steps=plan), line(2, "step-started", "deploy")]
    (folder / "journal.jsonl").write_text("".join([*head, *(node_line(number) for number in range(3, EVENTS + 1))]))
    disk = {"name": "/dev/sda", "serial": "S1", "size_gib": 480, "wipe": True, "holds": "empty"}
    machines = [
        {"bmc": f"10.0.{number // 250}.{number % 250 + 1}", "name": f"bench-{number:04}", "role": "undercloud", "driver": "redfish",
         "serial": f"SN{number:06}", "cpus": 64, "memory_mib": 262144, "disks": [disk], "verdict": "fit", "why": ""}
        for number in range(NODES)
    ]  # fmt: skip
    (folder / "review.json").write_text(json.dumps({"site": "bench", "machines": machines}))
    (folder / "site.yaml").write_text("site: bench\n")


@contextmanager
def engine(folder: Path) -> Iterator[None]:
    """An engine as the screen sees one: it holds the lock, and the journal grows."""
    lock = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    over = threading.Event()

    def work() -> None:
        number = EVENTS
        with (folder / "journal.jsonl").open("a", buffering=1) as journal:
            while not over.wait(1 / EVENTS_A_SECOND):
                number += 1
                journal.write(node_line(number))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()
        os.close(lock)


def waited(pid: int, *, any_thread: bool = False) -> float:
    """Seconds that a process has waited for a processor: its main thread, or of all its threads the one that waited longest."""
    stats = [Path(f"/proc/{pid}/schedstat")]
    if any_thread:
        stats += Path(f"/proc/{pid}/task").glob("*/schedstat")
    return max(int(stat.read_text().split()[1]) for stat in stats) / 1e9


class Terminal:
    """The wizard on a pseudo terminal of 140x40."""

    def __init__(self, folder: Path) -> None:
        self.child, self.descriptor = pty.fork()
        if self.child == 0:
            words = [sys.executable, "-m", "tui", "--state-dir", str(folder)]
            os.execve(sys.executable, words, {**_ENV, "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())})
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))

    def read(self, seconds: float) -> bytes:
        """What comes within some seconds; empty when nothing does."""
        return os.read(self.descriptor, 1 << 16) if select.select([self.descriptor], [], [], seconds)[0] else b""

    def until(self, word: bytes) -> None:
        """Read until a word was painted."""
        seen, deadline = b"", time.monotonic() + 60
        while word not in seen:
            assert time.monotonic() < deadline, f"{word!r} was not painted: {seen[-300:]!r}"
            seen += self.read(0.5)

    def drain(self) -> None:
        """Until it is quiet for a moment, so that what comes next is the answer to a key."""
        deadline = time.monotonic() + 2
        while self.read(0.03) and time.monotonic() < deadline:
            pass

    def press(self, key: bytes) -> float | None:
        """Milliseconds from the key to the last byte of the paint that answers it; None where it changed nothing (a list's end)."""
        self.drain()
        began = time.perf_counter() - self.waited()
        os.write(self.descriptor, key)
        if not self.read(_NO_PAINT_SECONDS):
            return None
        painted = time.perf_counter() - self.waited()
        while self.read(_SAME_PAINT_SECONDS):
            painted = time.perf_counter() - self.waited()
        return (painted - began) * 1000

    def waited(self) -> float:
        """The wizard's waits for a processor, and our own between its paint and our reading."""
        return waited(self.child) + waited(os.getpid())

    def end(self) -> None:
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.descriptor)


def opening(folder: Path) -> float:
    """Seconds from the start of the program to the first page that knows where things stand."""
    began = time.perf_counter() - waited(os.getpid())
    terminal = Terminal(folder)
    try:
        terminal.until(b"Running: Deploy")
        return time.perf_counter() - waited(os.getpid()) - waited(terminal.child, any_thread=True) - began
    finally:
        terminal.end()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many other programs that want a processor all the time."""
    children = [process.spawn([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for child in children:
            process.stop(child, grace=0)


def opening_on_the_clock(folder: Path) -> float:
    """`opening` as an operator's clock has it: what other programs take is counted."""
    began = time.perf_counter()
    terminal = Terminal(folder)
    try:
        terminal.until(b"Running: Deploy")
        return time.perf_counter() - began
    finally:
        terminal.end()


def keys(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each key, by page."""
    terminal = Terminal(folder)
    try:
        terminal.until(b"Running: Deploy")
        return {page: _on_page(terminal, page, way) for page, way in _BUSY.items()}
    finally:
        terminal.end()


def _on_page(terminal: Terminal, page: str, way: bytes) -> list[float]:
    terminal.press(_F2)
    for _ in range(list(PAGES).index(page)):
        terminal.press(_DOWN)
    terminal.press(b"\r")
    for key in filter(None, (way, _HOME)):
        os.write(terminal.descriptor, key)
    round_trip = (_PAGE_DOWN, _PAGE_DOWN, _PAGE_UP, _DOWN, _UP, _PAGE_DOWN, _PAGE_UP, _PAGE_UP)
    took = [terminal.press(key) for _ in range(ROUNDS) for key in round_trip]
    painted = [one for one in took if one is not None]
    assert len(painted) > len(took) / 2, f"{page}: only {len(painted)} of {len(took)} keys painted anything"
    return painted


async def standing_still(folder: Path) -> tuple[float, float]:
    """The event loop's longest wait, in milliseconds: while the journal is opened, and on the busy pages after."""
    app = WizardApp(EngineClient(folder), _ENV)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        last = time.perf_counter() - waited(os.getpid())
        while True:
            await asyncio.sleep(0.002)
            now = time.perf_counter() - waited(os.getpid())
            longest, last = max(longest, (now - last) * 1000 - 2), now

    async with app.run_test(size=(140, 40)) as pilot:
        beating = asyncio.create_task(beat())
        while not app.view.state.events:
            await pilot.pause(0.02)
        await pilot.pause(0.5)
        opened, longest = longest, 0.0
        for page in (*_BUSY, "welcome", "progress"):
            app.go(page)
            await asyncio.sleep(2.0)
        beating.cancel()
    return opened, longest


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def measure(_: argparse.Namespace) -> list[Figure]:
    """All of it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lay_out(folder)
        with engine(folder):
            opened = statistics.median(opening(folder) for _ in range(3))
            figures = [
                Figure("program to first page, 100,000 events", round(opened, 2), OPEN_SECONDS, "limit", "s", aim=1)
            ]
            with busy(2):
                late = statistics.median(opening_on_the_clock(folder) for _ in range(3))
            what = "the same by the clock, with two processors busy"
            figures.append(Figure(what, round(late, 2), BUSY_OPEN_SECONDS, "limit", "s", aim=1))
            for page, took in keys(folder).items():
                half, most = (round(percentile(took, share), 1) for share in (0.5, 0.95))
                what = f"key to paint, page {page}, 1,000 nodes"
                figures.append(Figure(f"{what}, median of {len(took)}", half, PAINT_MS, "limit", "ms"))
                figures.append(Figure(f"{what}, 95th percentile", most, PAINT_MS, "limit", "ms", aim=1))
            opening_ms, busy_ms = asyncio.run(standing_still(folder))
            figures.append(
                Figure("standing still while it opens", round(opening_ms, 1), STILL_MS, "limit", "ms", aim=1)
            )
            figures.append(Figure("standing still at work", round(busy_ms, 1), STILL_MS, "limit", "ms", aim=1))
            wanted, there = round(os.getloadavg()[0], 1), os.cpu_count() or 1
            figures.append(Figure("programs that wanted a processor meanwhile", wanted, there, "processors", ""))
    return figures


if __name__ == "__main__":
    sys.exit(run_bench("tui", __doc__.splitlines()[0], measure))
