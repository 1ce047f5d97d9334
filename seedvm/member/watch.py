"""`member watch` and `member gaps`: what a client of the VIP sees through the hand-off, at 5 Hz or faster.

Each poll is a connection of its own that may take 2 s at most, and polls do not wait for each other, so a hanging service does not
slow the clock. It refuses to smooth: a gap is the time between two successive answers, polling interval included.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode, encode
from seedvm.cloud.probe import probe
from seedvm.services.load import installed

SAMPLES = Path("/run/seedvm/watch.jsonl")
INTERVAL = 0.2
_LIMIT = 2.0
_WATCHED = ("keystone", "heat")


@dataclass(frozen=True)
class Sample:
    """One poll: when it was answered (or given up), seconds since the epoch."""

    api: str
    at: float
    good: bool


@dataclass(frozen=True)
class Gap:
    """One API over the whole watch: polls, failures, and the longest time between two answers in seconds, and when that ended."""

    api: str
    polls: int
    failed: int
    longest_seconds: float
    ended_at: float


@dataclass(frozen=True)
class WatchRequest:
    """What to poll and for how long; `ports` is API -> port (None: Keystone and Heat), `samples` is the file to write."""

    vip: str
    seconds: float
    ports: Mapping[str, int] | None = None
    samples: str = str(SAMPLES)


@dataclass(frozen=True)
class Watched:
    """How often was asked."""

    polls: int


@dataclass(frozen=True)
class GapsRequest:
    """The samples from `since` on (epoch, this member's clock)."""

    since: float = 0.0
    samples: str = str(SAMPLES)


def watch(request: WatchRequest) -> Watched:
    """Poll until stopped."""
    ports = request.ports or {name: installed().ports[name] for name in _WATCHED}
    deadline = time.monotonic() + request.seconds
    path = Path(request.samples)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    with (
        path.open("a", buffering=1) as file,
        ThreadPoolExecutor(max_workers=4 * len(ports) * int(_LIMIT / INTERVAL)) as pool,
    ):
        lock = threading.Lock()
        while time.monotonic() < deadline:
            began = time.monotonic()
            for api, port in ports.items():
                pool.submit(_poll, file, lock, api, request.vip, port)
                count += 1
            time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
    return Watched(count)


def gaps(request: GapsRequest) -> tuple[Gap, ...]:
    """A Gap per API from the samples."""
    path = Path(request.samples)
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise SeedvmError("this member has no results of the watch", why=f"{path} does not exist") from None
    samples = [decode(Sample, json.loads(line), str(path)) for line in lines if line.endswith("}")]
    return measure(sample for sample in samples if sample.at >= request.since)


def measure(samples: Iterable[Sample]) -> tuple[Gap, ...]:
    """The gaps of each API; one that never answered has a gap as long as it was watched."""
    grouped: dict[str, list[Sample]] = {}
    for sample in samples:
        grouped.setdefault(sample.api, []).append(sample)
    return tuple(_gap(api, sorted(found, key=lambda sample: sample.at)) for api, found in sorted(grouped.items()))


def _gap(api: str, samples: list[Sample]) -> Gap:
    # The first and last poll bound the watch: silence at either end counts as well.
    marks = [samples[0].at, *(sample.at for sample in samples if sample.good), samples[-1].at]
    longest, ended = max((after - before, after) for before, after in itertools.pairwise(marks))
    return Gap(api, len(samples), sum(not sample.good for sample in samples), round(longest, 3), ended)


def _poll(file: IO[str], lock: threading.Lock, api: str, address: str, port: int) -> None:
    good = probe(address, port, seconds=_LIMIT).good
    line = json.dumps(encode(Sample(api, time.time(), good)))
    with lock:
        file.write(line + "\n")
