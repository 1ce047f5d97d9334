"""Terminals of 80x24 that nobody sits at: tmux holds them, keys go in, what stands on the screen comes out.

Nothing here sleeps for luck: a screen is read again until the words are there or the deadline is past, and then shown whole.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process

WIDTH, HEIGHT = 80, 24
_CONFIG = """\
set -g status off
set -g default-size 80x24
set -g default-terminal tmux-256color
set -g remain-on-exit on
set -g escape-time 0
"""
_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Tmux:
    """A tmux server of its own: socket and configuration are in `folder`."""

    folder: Path

    def begin(self) -> None:
        """Start it; the one window it begins with holds nothing."""
        (self.folder / "tmux.conf").write_text(_CONFIG)
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        self.ask("new-session", "-d", "-s", "seedvm", *size, "sleep infinity")

    def end(self) -> None:
        """End it, and with it whatever still runs in its panes."""
        self.ask("kill-server", check=False)

    def ask(self, *words: str, check: bool = True) -> str:
        """What a tmux command prints."""
        head = ["tmux", "-f", self.folder / "tmux.conf", "-S", self.folder / "socket"]
        return process.run(
            process.Command([*head, *words], env={"TERM": "tmux-256color"}), timeout=60, check=check
        ).stdout

    def open(self, command: str, folder: Path) -> Pane:
        """A new screen with a command in it; `remain-on-exit` keeps its last words."""
        words = ("new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "seedvm:", "-c", str(folder), command)
        return Pane(self, self.ask(*words).strip())


@dataclass(frozen=True)
class Pane:
    """One screen."""

    tmux: Tmux
    name: str

    def screen(self) -> str:
        """What stands on it, a line per row."""
        return self.tmux.ask("capture-pane", "-p", "-t", self.name)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: Enter, Escape, F1, C-u."""
        self.tmux.ask("send-keys", "-t", self.name, *keys)

    def type(self, text: str) -> None:
        """Text as it is."""
        self.tmux.ask("send-keys", "-t", self.name, "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Another size; the program hears of it by SIGWINCH."""
        self.tmux.ask("resize-window", "-t", self.name, "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """The terminal is gone, as when its window is closed."""
        self.tmux.ask("kill-pane", "-t", self.name)

    def until(self, *words: str, within: float, unless: str = "Pane is dead") -> str:
        """The screen once all of the words stand on it; AssertionError with the screen at the deadline, or when `unless` stands there."""
        deadline = time.monotonic() + within
        while not all(word in (shown := self.screen()) for word in words):
            missing = [word for word in words if word not in shown]
            assert unless not in shown, f"{missing} will not come any more:\n{shown}"
            assert time.monotonic() < deadline, f"{missing} not on the screen within {within:.0f} s:\n{shown}"
            time.sleep(_EVERY_SECONDS)
        return shown

    @property
    def line(self) -> tuple[int, int]:
        """The device of this terminal: the number of its file system and its own in it."""
        status = Path(self.tmux.ask("display-message", "-p", "-t", self.name, "#{pane_tty}").strip()).stat()
        return status.st_dev, status.st_ino

    def commands(self, what: str) -> dict[int, str]:
        """The processes that read from this terminal and whose command line holds `what`."""
        return {pid: command for pid, command in reading(self.line).items() if what in command}

    def kill(self, what: str) -> None:
        """SIGKILL the process on this terminal whose command line holds `what`; exactly one must."""
        here = self.commands(what)
        assert len(here) == 1, f"one {what} was wanted on this terminal: {here}"
        os.kill(*here, signal.SIGKILL)


def reading(line: tuple[int, int]) -> dict[int, str]:
    """Process ids and command lines of those whose standard input is a terminal, known by its device.

    By the device and not by name or parent: a container numbers its terminals from 0 again, and descends from whoever started it.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "fd" / "0").stat(), (folder / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if (status.st_dev, status.st_ino) == line:
            found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def wait_until(what: str, condition: Callable[[], bool], timeout: float, every: float = 0.5) -> float:
    """Wait for ``condition``; the seconds that it took. Fails by name at the deadline."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout:
            raise AssertionError(f"{what}: not within {timeout:.0f} s")
        time.sleep(every)
    return time.monotonic() - begin
