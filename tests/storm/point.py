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
from tests.storm.world import ENGINE, SEED, World, wait

_DEPLOY_SECONDS = 40 * 60.0
_LAST_BEFORE = "join"


def ready(build_dir: Path, folder: Path, say: Callable[[str], None]) -> tuple[World, str]:
    """The rack and the name of its saved point, made now if there is none for these images."""
    build(build_dir / "cache", on_progress=lambda _: None)
    world = World(build_dir)
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
    """A new demo, whose engine is ended for good when the last step before the hand-off is done."""
    if world.paths.rack_file.exists():
        rack.wipe(world.spec)
    shutil.rmtree(world.paths.demo, ignore_errors=True)
    child = process.spawn([sys.executable, "-m", "seedvm", "demo", "--headless"], log=folder / "deploy.log")
    try:
        wait("the rack deploys", lambda: _reached(world, "deploy"), _DEPLOY_SECONDS)
        world.on(SEED, "systemctl", "mask", "--runtime", ENGINE)
        wait("the nodes have joined", lambda: _reached(world, _LAST_BEFORE), _DEPLOY_SECONDS, every=0.02)
        pid = world.engine()
        assert pid is not None, "the engine ended before the hand-off"
        process.run(["kill", "-KILL", str(pid)], timeout=5)
        wait("the demo ends", lambda: child.poll() is not None, 60)
    finally:
        process.stop(child)
    world.on(SEED, "systemctl", "unmask", "--runtime", ENGINE)


def _reached(world: World, step: str) -> bool:
    """Whether a step is done, by its work or by its check."""
    return any(
        one.step == step and (one.kind == "step-done" or one.event.fields().get("verdict") == "done")
        for one in world.journal()
    )
