"""`member watch` and `member gaps`: what a client of the VIP sees through the hand-off, at 5 Hz or faster.

Whether writes pass is asked as well, by a request that changes nothing: one without a login. A HAProxy that holds writes answers 503,
Keystone answers 401.

Each poll is a connection of its own that may take 2 s at most, and polls do not wait for each other, so a hanging service does not
slow the clock. All times are of one clock, this member's monotonic one, so that no clock that is set or wrong makes a gap shorter. It
refuses to smooth: a gap is the time between two successive answers, polling interval included.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode, encode
from seedvm.cloud.probe import probe
from seedvm.controller.boot import booted
from seedvm.member import notes
from seedvm.services.load import installed

SAMPLES = Path("/var/lib/seedvm/watch.jsonl")
INTERVAL = 0.2
_LIMIT = 2.0
_WATCHED = ("keystone", "heat")
WRITES = "writes"
"""The name under which it is noted whether a write passed; it is no API of its own."""
_PASSED = 25
_A_WRITE = "/v3/credentials/seedvm-watch"


@dataclass(frozen=True)
class Sample:
    """One poll of the watch with that `token`: when it was answered (or given up), by this member's monotonic clock since that `boot`."""

    api: str
    at: float
    good: bool
    token: str = ""
    boot: str = ""


@dataclass(frozen=True)
class Gap:
    """One API over the whole watch: polls, failures, and the longest time between two answers in seconds, and when that ended."""

    api: str
    polls: int
    failed: int
    longest_seconds: float
    ended_at: float


@dataclass(frozen=True)
class Gaps:
    """A Gap per API, all by one clock: the watching member's. `lost` says what of the watch is missing, empty where it is whole.

    `write_pause` is for how many seconds writes were refused or not answered; None where the watch did not see both ends of it.
    """

    gaps: tuple[Gap, ...]
    lost: str = ""
    write_pause: float | None = None


@dataclass(frozen=True)
class WatchRequest:
    """What to poll and for how long; `token` names this watch. `ports` is API -> port (None: Keystone and Heat), `samples` is the
    file to write, which survives a reboot."""

    vip: str
    seconds: float
    token: str = ""
    ports: Mapping[str, int] | None = None
    samples: str = str(SAMPLES)


@dataclass(frozen=True)
class Watched:
    """How often was asked."""

    polls: int


@dataclass(frozen=True)
class GapsRequest:
    """The samples of the watch with that token."""

    token: str = ""
    samples: str = str(SAMPLES)
    record: str = str(notes.FOLDER)


def watch(request: WatchRequest) -> Watched:
    """Poll until stopped. Samples of earlier watches are dropped."""
    ports = request.ports or {name: installed().ports[name] for name in _WATCHED}
    deadline = time.monotonic() + request.seconds
    path = Path(request.samples)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    count = 0
    with (
        path.open("w", buffering=1) as file,
        ThreadPoolExecutor(max_workers=4 * (len(ports) + 1) * int(_LIMIT / INTERVAL)) as pool,
    ):
        poll = _Poll(file, request.token, booted(), request.vip)
        while time.monotonic() < deadline:
            began = time.monotonic()
            for api, port in ports.items():
                pool.submit(poll.once, api, port)
                count += 1
            if "keystone" in ports and not poll.written:
                pool.submit(poll.write, ports["keystone"])
            time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
    return Watched(count)


def gaps(request: GapsRequest) -> Gaps:
    """A Gap per API from the samples, and whether they cover the time in which the VIP moved. What is missing is no error."""
    path = Path(request.samples)
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return Gaps((), "this member has no samples of the watch")
    samples = parse(lines, request.token)
    if not samples:
        return Gaps((), "the samples on this member are not of this hand-off")
    moved = [line for line in notes.notes(notes.NotesRequest(request.record)) if line.phase == "COMMIT"]
    apis = [one for one in samples if one.api != WRITES]
    return Gaps(measure(apis), _lost(samples, moved), write_pause(samples))


def parse(lines: Iterable[str], token: str) -> list[Sample]:
    """The whole samples of that watch among these lines; a line that a power loss cut short is left out."""
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, SeedvmError):
            sample = decode(Sample, json.loads(line), "a sample")
            if sample.token == token:
                found.append(sample)
    return found


def _lost(samples: list[Sample], moved: list[notes.Line]) -> str:
    """What of the watch is missing, as far as this member's own record of COMMIT and its boots say."""
    first, last = min(one.at for one in samples), max(one.at for one in samples)
    boot = samples[-1].boot
    times = [line.at for line in moved[-2:] if line.boot == boot]
    if not times or min(times) < first or max(times) > last:
        return "it did not see all of the time in which the VIP moved"
    return "" if boot == booted() else "this member was rebooted while it watched; what came after is not known"


def measure(samples: Iterable[Sample]) -> tuple[Gap, ...]:
    """The gaps of each API; one that never answered has a gap as long as it was watched."""
    grouped: dict[str, list[Sample]] = {}
    for sample in samples:
        grouped.setdefault(sample.api, []).append(sample)
    return tuple(_gap(api, sorted(found, key=lambda sample: sample.at)) for api, found in sorted(grouped.items()))


def write_pause(samples: Iterable[Sample]) -> float | None:
    """The longest time between two writes that passed, by which it is closed at both ends; None where there is none of them yet."""
    listed = sorted((one for one in samples if one.api == WRITES), key=lambda one: one.at)
    passed = [one.at for one in listed if one.good]
    if len(passed) < 2 or not listed[0].good or not listed[-1].good:
        return None
    return round(max(after - before for before, after in itertools.pairwise(passed)), 1)


def _gap(api: str, samples: list[Sample]) -> Gap:
    # The first and last poll bound the watch: silence at either end counts as well.
    marks = [samples[0].at, *(sample.at for sample in samples if sample.good), samples[-1].at]
    longest, ended = max((after - before, after) for before, after in itertools.pairwise(marks))
    return Gap(api, len(samples), sum(not sample.good for sample in samples), round(longest, 3), ended)


@dataclass(frozen=True)
class _Poll:
    """Polls of one watch, each a line in its file."""

    file: IO[str]
    token: str
    boot: str
    address: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    writes: list[str] = field(default_factory=list)
    """How writes went since the first that was refused: the last that was, and those that passed since."""

    def once(self, api: str, port: int) -> None:
        self._note(api, probe(self.address, port, seconds=_LIMIT).good)

    @property
    def written(self) -> bool:
        """Writes were refused and pass again: that is all that is asked of them, and the services have other work."""
        return self.writes[:1] == ["refused"] and len(self.writes) > _PASSED

    def write(self, port: int) -> None:
        good = passes(self.address, port, seconds=_LIMIT)
        self._note(WRITES, good)
        if good and self.writes:
            self.writes.append("passed")
        elif not good:
            self.writes[:] = ["refused"]

    def _note(self, api: str, good: bool) -> None:
        line = json.dumps(encode(Sample(api, round(time.monotonic(), 3), good, self.token, self.boot)))
        with self.lock:
            self.file.write(line + "\n")


def passes(address: str, keystone: int, *, seconds: float) -> bool:
    """Whether a write would reach Keystone at this address: it demands a login, where a HAProxy that holds writes refuses."""
    return probe(address, keystone, _A_WRITE, seconds=seconds, method="DELETE").status == 401
