"""The saved point that rounds begin from: the demo's rack, deployed, at the moment before the hand-off begins.

It is made once for a checkout's images (`seedvm rack save`) and used again until they change.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from seedvm.base import process
from seedvm.image.build import build
from seedvm.rack import rack, saved
from tests.storm.world import World

_DEPLOY_SECONDS = 40 * 60.0
_FIRST_OF_HANDOFF = "handoff-compare"


def ready(build_dir: Path, folder: Path, say: Callable[[str], None], wanted: str = "") -> tuple[World, str]:
    """The rack and the name of its saved point, made now if there is none for these images; `wanted` names one that is there."""
    world = World(build_dir)
    if wanted:
        return world, wanted
    build(build_dir / "cache", on_progress=lambda _: None)
    name = f"before-handoff-{world.paths.images.resolve().name}"
    if world.paths.rack_file.exists() and any(one.name == name for one in saved.saved(world.spec)):
        return world, name
    say("deploying a rack up to the hand-off")
    _deploy(world, folder)
    began = time.monotonic()
    saved.save(world.spec, name)
    say(f"saved as {name} in {time.monotonic() - began:.0f} s")
    return world, name


def _deploy(world: World, folder: Path) -> None:
    """A new demo, whose engine stops before the hand-off."""
    if world.paths.rack_file.exists():
        rack.wipe(world.spec)
    shutil.rmtree(world.paths.demo, ignore_errors=True)
    log = folder / "deploy.log"
    words = [sys.executable, "-m", "seedvm", "demo", "--headless", "--until", _FIRST_OF_HANDOFF]
    with log.open("w") as file:
        done = process.stream(
            words, lambda line: print(line, file=file, flush=True), timeout=_DEPLOY_SECONDS, check=False
        )
    assert done.returncode == 0, f"the rack was not deployed; see {log}"
