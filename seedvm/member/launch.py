"""`member launch` and `member stop`: run a verb as a transient unit, so that it outlives SSH, the engine, and the seed.

The request goes into a 0600 file in memory-backed storage, never onto a command line. It refuses verbs that are no work of minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private

RUN = Path("/run/seedvm")
_LAUNCHED = ("watch", "rehearse", "mute")
_SEEDVM = "/usr/local/bin/seedvm"
_AFTER: Mapping[str, tuple[str, ...]] = {
    "mute": ("--property=ExecStopPost=-/usr/sbin/nft delete table netdev seedvm_mute",)
}


def unit(verb: str) -> str:
    """The transient unit's name."""
    return f"seedvm-{verb}.service"


def launch(request: Mapping[str, Any]) -> dict[str, str]:
    """Request: verb, request, seconds (the unit's longest life). One already running is left alone."""
    verb = request["verb"]
    if verb not in _LAUNCHED:
        raise SeedvmError(f"{verb} is not run as a unit")
    if running(verb):
        return {"unit": unit(verb), "state": "running already"}
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked = RUN / f"{verb}.request.json"
    write_private(asked, json.dumps(request["request"]))
    process.run(
        [
            "systemd-run",
            f"--unit={unit(verb)}",
            "--collect",
            "--quiet",
            f"--property=RuntimeMaxSec={int(request['seconds'])}",
            *_AFTER.get(verb, ()),
            *(_SEEDVM, "member", verb, "--request", asked),
        ],
        timeout=20,
    )
    return {"unit": unit(verb), "state": "started"}


def stop(request: Mapping[str, Any]) -> dict[str, str]:
    """Request: verb. End its unit; harmless when there is none."""
    process.run(["systemctl", "stop", unit(request["verb"])], timeout=30, check=False)
    return {"unit": unit(request["verb"]), "state": "stopped"}


def running(verb: str) -> bool:
    """Does its unit run?"""
    said = process.run(["systemctl", "is-active", unit(verb)], timeout=10, check=False)
    return said.stdout.strip() in ("active", "activating", "deactivating")
