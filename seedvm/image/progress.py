"""What a build says while it works: each stage by its name, how long it took, how long it usually takes.

It refuses to be silent: a stage that runs says every few seconds where it is.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Say = Callable[[str], None]
_EVERY_SECONDS = 10.0
_MARKS = (
    (re.compile(r"dib-run-parts .*Running .*/([a-z-]+\.d/\S+)"), "{}"),
    (re.compile(r"Unpacking (\S+) "), "unpacking {}"),
    (re.compile(r"Setting up (\S+) "), "setting up {}"),
    (re.compile(r"^\S+ \S+ \| Get:\d+ \S+ \S+ \S+ (\S+)"), "fetching {}"),
    (re.compile(r"Collecting (\S+)"), "fetching {} from PyPI"),
)


@dataclass
class Stage:
    """A stage under way. `heard` takes lines of a tool's output."""

    title: str
    usual_seconds: float
    say: Say
    started: float = field(default_factory=time.monotonic)
    doing: str = ""
    said: float = field(default_factory=time.monotonic)

    def heard(self, line: str) -> None:
        for pattern, text in _MARKS:
            if found := pattern.search(line):
                self.doing = text.format(found[1])
        self.still()

    def still(self) -> None:
        """Say where it is, if it is time to."""
        if time.monotonic() - self.said >= _EVERY_SECONDS:
            self.said = time.monotonic()
            doing = f": {self.doing}" if self.doing else ""
            self.say(f"{self.title}: {self.seconds:.0f} s of about {self.usual_seconds:.0f} s{doing}")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


@contextlib.contextmanager
def stage(title: str, usual_seconds: float, say: Say) -> Iterator[Stage]:
    """A named stage: said when it begins, every ten seconds, and when it is done."""
    say(f"{title}: about {usual_seconds:.0f} s")
    current = Stage(title, usual_seconds, say)
    over = threading.Event()

    def tick() -> None:
        while not over.wait(_EVERY_SECONDS):
            current.still()

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield current
    finally:
        over.set()
        ticker.join()
    say(f"{title}: done in {current.seconds:.0f} s")
