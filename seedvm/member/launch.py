"""`member launch` and `member stop`: run a verb as a transient unit, so that it outlives SSH, the engine, and the seed.

The request goes into a 0600 file in memory-backed storage, never onto a command line. It refuses verbs that are no work of minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import encode

RUN = Path("/run/seedvm")
_LAUNCHED = ("watch", "rehearse", "mute")
_SEEDVM = "/usr/local/bin/seedvm"
_AFTER: Mapping[str, tuple[str, ...]] = {
    "mute": ("--property=ExecStopPost=-/usr/sbin/nft delete table netdev seedvm_mute",)
}


@dataclass(frozen=True)
class LaunchRequest:
    """Which verb with which request (JSON, or that verb's own request type), and the unit's longest life in seconds."""

    verb: str
    seconds: float
    request: object


@dataclass(frozen=True)
class StopRequest:
    """Which verb's unit to end."""

    verb: str


@dataclass(frozen=True)
class TransientUnit:
    """The transient unit's name, and what became of it: started, already running, stopped."""

    unit: str
    state: str


def unit(verb: str) -> str:
    """The transient unit's name."""
    return f"seedvm-{verb}.service"


def launch(request: LaunchRequest) -> TransientUnit:
    """Start the verb as a unit. One that runs with the very same request is left alone; one with another request is ended first: it is of
    an attempt whose engine is gone, or has said its last word."""
    verb = request.verb
    if verb not in _LAUNCHED:
        raise SeedvmError(f"{verb} does not run as a systemd unit")
    asked, text = RUN / f"{verb}.request.json", json.dumps(encode(request.request, reveal=True))
    if running(verb):
        if asked.exists() and asked.read_text() == text:
            return TransientUnit(unit(verb), "already running")
        stop(StopRequest(verb))
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(asked, text)
    process.run(
        [
            "systemd-run",
            f"--unit={unit(verb)}",
            "--collect",
            "--quiet",
            f"--property=RuntimeMaxSec={int(request.seconds)}",
            *_AFTER.get(verb, ()),
            *(_SEEDVM, "member", verb, "--request", asked),
        ],
        timeout=20,
    )
    return TransientUnit(unit(verb), "started")


def stop(request: StopRequest) -> TransientUnit:
    """End the verb's unit; harmless when there is none."""
    process.run(["systemctl", "stop", unit(request.verb)], timeout=30, check=False)
    return TransientUnit(unit(request.verb), "stopped")


def forget(verb: str) -> None:
    """The request of a verb that has done its work is not kept: it holds secrets."""
    (RUN / f"{verb}.request.json").unlink(missing_ok=True)


def running(verb: str) -> bool:
    """Does its unit run?"""
    said = process.run(["systemctl", "is-active", unit(verb)], timeout=10, check=False)
    return said.stdout.strip() in ("active", "activating", "deactivating")
