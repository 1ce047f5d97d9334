"""The end-to-end world: one demo for the whole session, made by the command that an operator types and the keys that follow.

With SEEDVM_E2E_FINISHED=1 it takes the finished demo that is there and leaves it there: to work on the tests themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.walk import Walk
from tests.e2e.world import World
from tests.terminal import Tmux

KEPT = os.environ.get("SEEDVM_E2E_FINISHED") == "1"
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def clean_desk() -> Iterator[World]:
    """No rack and no site of an earlier run; the image cache stays."""
    if os.geteuid() != 0:
        pytest.fail("the end-to-end tests make namespaces and containers: run them as root")
    world = World(REPO)
    if KEPT:
        yield world
        return
    world.seedvm("rack", "clean", "--yes")
    shutil.rmtree(world.demo, ignore_errors=True)
    yield world
    world.seedvm("rack", "clean", "--yes")


@pytest.fixture(scope="session")
def finished(clean_desk: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo, driven through the wizard by keys to its end; what was done on the way goes to the terminal as it happens."""
    if KEPT:
        return clean_desk
    tmux = Tmux(tmp_path_factory.mktemp("tmux"))
    tmux.begin()
    try:
        Walk(clean_desk, tmux).all_the_way()
    finally:
        tmux.end()
    return clean_desk
