"""Between engine and screen: reads the state folder, starts the engine as its own process, writes what the operator decided.

The only module of the screen that touches files or processes. It refuses to run a step, to read the journal
for deciding anything, and to write `confirmed.json` without the typed name. Nothing here waits on the event loop:
file work is done in threads, and the engine outlives the screen.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from seedvm import proc
from seedvm.errors import SeedvmError
from seedvm.journal import Event, tail
from tui.model import State, fold
from tui.records import Receipt, Review, confirmation, parse_receipt, parse_review, wipes

UNIT = "seedvm-engine.service"
_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_POLL_SECONDS = 0.25

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class View:
    """All that a screen may show: the journal's State, the files beside it, and whether the engine works."""

    state: State = field(default_factory=State)
    review: Review | None = None
    receipt: Receipt | None = None
    confirmed: bool = False
    running: bool = False
    has_site: bool = False
    notice: str = ""


class Tail:
    """Reads a journal as it grows. A journal that was replaced by another or a shorter one is read from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._inode = 0

    def read(self) -> tuple[bool, tuple[Event, ...]]:
        """(whether the journal was begun anew, the events since the last call)."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            anew, self._offset = self._offset > 0, 0
            return anew, ()
        anew = self._offset > 0 and (status.st_ino != self._inode or status.st_size < self._offset)
        self._inode = status.st_ino
        if anew:
            self._offset = 0
        if status.st_size == self._offset:
            return anew, ()
        events, self._offset = tail(self.path, self._offset)
        return anew, events


def _has_unit() -> bool:
    return Path("/run/systemd/system").is_dir() and any(Path(folder, UNIT).exists() for folder in _UNIT_FOLDERS)


def _holds(words: list[str], status: os.stat_result) -> bool:
    # `1: FLOCK ADVISORY WRITE 1234 fd:01:5678 0 EOF`; waiting locks have an arrow. Overlay and btrfs show another device
    # (major 0) in stat than here, so that there the inode alone must tell.
    if len(words) < 6 or words[1] != "FLOCK" or words[3] != "WRITE":
        return False
    major, minor, inode = words[5].split(":")
    same = (int(major, 16), int(minor, 16)) == (os.major(status.st_dev), os.minor(status.st_dev))
    return int(inode) == status.st_ino and (same or os.major(status.st_dev) == 0)


class _File:
    """A file read again only when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        try:
            status = self.path.stat()
            seen: tuple[int, int, int] | None = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            seen = None
        changed, self._seen = seen != self._seen, seen
        return changed

    def parse(self, parser: Callable[[str], Parsed]) -> Parsed | None:
        try:
            return parser(self.path.read_text())
        except FileNotFoundError:
            return None


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees all of it or none: a temporary name, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)


class Link:
    """One site's state folder. `site_file` is copied in as site.yaml where the folder has none."""

    def __init__(self, state_dir: Path, images_dir: Path | None = None) -> None:
        self.state_dir = state_dir
        self.images_dir = images_dir
        self.view = View()
        self._tail = Tail(state_dir / "journal.jsonl")
        self._review = _File(state_dir / "review.json")
        self._receipt = _File(state_dir / "receipt.json")
        self._child: proc.Child | None = None

    def adopt_site(self, site_file: Path) -> None:
        """Take a site file as this folder's site. Raises SeedvmError where another site is there already."""
        ours = self.state_dir / "site.yaml"
        text = site_file.read_text()
        if ours.exists() and ours.read_text() != text:
            raise SeedvmError(f"{ours} is there already and is not {site_file}", why="one folder holds one site",
                              hint="use --state-dir with another folder, or remove the old site's")  # fmt: skip
        write_whole(ours, text)

    async def follow(self) -> AsyncIterator[View]:
        """Views, one whenever something has changed; never ends by itself."""
        while True:
            fresh, more = await asyncio.to_thread(self._look)
            if fresh != self.view:
                self.view = fresh
                yield fresh
            if not more:
                await asyncio.sleep(_POLL_SECONDS)

    def _look(self) -> tuple[View, bool]:
        old, notice = self.view, ""
        anew, events = self._tail.read()
        state = fold(State() if anew else old.state, events) if events or anew else old.state
        review, receipt = old.review, old.receipt
        try:
            if self._review.changed():
                review = self._review.parse(parse_review)
            if self._receipt.changed():
                receipt = self._receipt.parse(parse_receipt)
        except SeedvmError as error:
            notice = str(error)
        running = self.engine_running()
        notice = notice or ("" if running else self._last_words())
        view = View(
            state, review, receipt, self._confirmed(review), running, (self.state_dir / "site.yaml").exists(), notice
        )
        return view, bool(events)

    def _confirmed(self, review: Review | None) -> bool:
        if review is None:
            return False
        try:
            named = wipes((self.state_dir / "confirmed.json").read_text())
        except (FileNotFoundError, SeedvmError):
            return False
        return named == {(m.bmc, m.serial, disk.name) for m in review.machines for disk in m.wiped}

    def engine_running(self) -> bool:
        """Whether an engine holds this site's lock; looks without touching the lock."""
        if self._child is not None and self._child.poll() is None:
            return True
        try:
            status = (self.state_dir / "engine.lock").stat()
            locks = Path("/proc/locks").read_text()
        except OSError:
            return False
        return any(_holds(line.split(), status) for line in locks.splitlines())

    def _last_words(self) -> str:
        """What an engine said that we started and that ended in error before it could write its journal."""
        if self._child is None or self._child.poll() in (None, 0) or self.view.state.failure is not None:
            return ""
        try:
            lines = (self.state_dir / "engine.log").read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return "the engine ended: " + (
            " ".join(line.strip() for line in lines[-3:]) or f"code {self._child.returncode}"
        )

    async def start_engine(self) -> None:
        """Start the engine unless one is at work. Raises SeedvmError where it cannot be started."""
        if await asyncio.to_thread(self.engine_running):
            return
        if await asyncio.to_thread(_has_unit):
            await proc.arun(["systemctl", "reset-failed", UNIT], timeout=20, check=False)
            await proc.arun(["systemctl", "start", "--no-block", UNIT], timeout=20)
        else:
            self._child = await asyncio.to_thread(self._spawn)

    def _spawn(self) -> proc.Child:
        log = self.state_dir / "engine.log"
        log.unlink(missing_ok=True)
        images = ["--images-dir", str(self.images_dir)] if self.images_dir else []
        return proc.spawn([sys.executable, "-m", "seedvm", "run", "--state-dir", str(self.state_dir), *images], log=log)

    async def confirm(self, typed: str) -> None:
        """Write `confirmed.json` for the review that is shown, then start the engine. Raises SeedvmError on a wrong name."""
        if self.view.review is None:
            raise SeedvmError("Nothing to confirm", why="the engine has written no review yet", hint="start the engine")
        text = confirmation(self.view.review, typed, datetime.now(UTC).isoformat(timespec="seconds"))
        await asyncio.to_thread(write_whole, self.state_dir / "confirmed.json", text)
        await self.start_engine()
