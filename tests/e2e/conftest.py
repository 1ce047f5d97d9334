"""The end-to-end world: one demo run for the whole session, made by the command that an operator types.

With SEEDVM_E2E_FINISHED=1 it takes the finished demo that is there and leaves it there: to work on the tests themselves.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seedvm import proc
from tests.e2e.world import World

KEPT = os.environ.get("SEEDVM_E2E_FINISHED") == "1"
REPO = Path(__file__).resolve().parents[2]
ROAD_LIMIT_SECONDS = 45 * 60


@pytest.fixture(scope="session")
def clean_desk() -> Iterator[World]:
    """No rack and no site of an earlier run; the image cache stays."""
    if os.geteuid() != 0:
        pytest.fail("the end-to-end tests make namespaces and containers: run them as root")
    world = World(REPO)
    if KEPT:
        yield world
        return
    world.seedvm("rack", "clean")
    shutil.rmtree(world.demo, ignore_errors=True)
    yield world
    world.seedvm("rack", "clean")


@dataclass
class Assassin:
    """Kills the engine (SIGKILL, with all its children) once in each of three steps, as soon as the demo tells of work in it."""

    world: World
    marks: list[str] = field(
        default_factory=lambda: [" inspect: 172.22.1.22: inspecting", " deploy: demo-", " handoff-own: the undercloud"]
    )

    def hear(self, line: str) -> None:
        print(line, file=sys.__stdout__, flush=True)
        if self.marks and self.marks[0] in line:
            self.marks.pop(0)
            words = ("systemctl", "kill", "--signal=KILL", "seedvm-engine.service")
            self.world.on_machine("seed", *words)


@pytest.fixture(scope="session")
def finished(clean_desk: World) -> World:
    """The demo, run headless to its end, its engine killed three times on the way; its output goes to the terminal as it comes."""
    if KEPT:
        return clean_desk
    assassin = Assassin(clean_desk)
    done = proc.stream(
        [REPO / ".venv" / "bin" / "seedvm", "demo", "--headless"],
        assassin.hear,
        timeout=ROAD_LIMIT_SECONDS,
        cwd=REPO,
        check=False,
    )
    assert done.returncode == 0, "the demo did not reach its receipt; its last lines say why"
    return clean_desk
