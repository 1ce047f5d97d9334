"""Real terminals: several screens on one engine, one that vanishes, one whose size does not stay, one that is cleared."""

from __future__ import annotations

import random
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.engine.lock import engine_pid
from tests.terminal import Pane, Tmux, reading, wait_until
from tests.tui.helpers import state_dir
from tui.app import PAGES

ROOT = Path(__file__).parents[2]
SOON = 120.0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="scripts/prepare-host.sh installs tmux"),
]


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    folder = tmp_path / "tmux"
    folder.mkdir()
    one = Tmux(folder)
    one.begin()
    yield one
    one.end()


def wizard(tmux: Tmux, state: Path, *words: str) -> Pane:
    return tmux.open("exec " + shlex.join([sys.executable, "-m", "tui", "--state-dir", str(state), *words]), ROOT)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[Path, Path, process.Child]]:
    """A real engine in the midst of a step: its state folder, the file that lets it go on, its process."""
    state, release = tmp_path / "state", tmp_path / "release"
    state.mkdir()
    words = [sys.executable, "-m", "tests.unit.file_road", str(state), str(release)]
    child = process.spawn(process.Command(words, cwd=ROOT), log=tmp_path / "engine.log")
    wait_until("the engine is at work", lambda: engine_pid(state) is not None, SOON, every=0.05)
    yield state, release, child
    process.stop(child)


def test_three_screens_watch_one_engine_and_may_vanish_and_come_back(
    tmux: Tmux, engine: tuple[Path, Path, process.Child]
) -> None:
    state, release, child = engine
    first, second, lines = wizard(tmux, state), wizard(tmux, state), wizard(tmux, state, "--plain")
    for screen in (first, second):
        screen.until("is to be", "engine running", within=SOON)
    lines.until("Running: write", within=SOON)
    first.kill("-m tui")
    lines.kill("-m tui")
    assert engine_pid(state) is not None and child.poll() is None
    back = wizard(tmux, state)
    back.until("is to be", "engine running", within=SOON)
    release.touch()
    back.until("engine not running", within=SOON)
    second.until("engine not running", within=SOON)
    assert child.wait(SOON) is not None


def test_a_screen_ends_with_its_terminal_and_leaves_the_engine(
    tmux: Tmux, engine: tuple[Path, Path, process.Child]
) -> None:
    state, _, child = engine
    screen = wizard(tmux, state)
    screen.until("is to be", within=SOON)
    assert screen.commands("-m tui")
    line = screen.line
    screen.close()
    wait_until("the screen has ended", lambda: not reading(line), SOON, every=0.05)
    assert engine_pid(state) is not None and child.poll() is None


@pytest.mark.parametrize("page", ["Welcome", "Progress"])
def test_after_a_storm_of_sizes_the_screen_is_as_one_that_had_none(tmux: Tmux, tmp_path: Path, page: str) -> None:
    state = state_dir(tmp_path / "state", until='"percent":50.0', review=True)
    tossed, calm = wizard(tmux, state), wizard(tmux, state)
    for screen in (tossed, calm):
        screen.until("Enter: start the engine", within=SOON)
        if page != "Welcome":
            screen.press("F2")
            screen.until("Go to", within=SOON)
            screen.type("\x1b[B" * list(PAGES).index(page.lower()))
            screen.press("Enter")
            screen.until("is to be", within=SOON)
        screen.until(page, "SAFE TO LEAVE: NO", "F1 Help", within=SOON)
    sizes = random.Random(4)
    for _ in range(60):
        tossed.resize(sizes.randint(1, 220), sizes.randint(1, 70))
    tossed.resize(80, 24)
    wait_until("the screen is as one that had no storm", lambda: tossed.screen() == calm.screen(), SOON)


def test_ctrl_l_draws_the_whole_page_for_whoever_attaches_to_a_serial_line_later(tmux: Tmux, tmp_path: Path) -> None:
    screen = wizard(tmux, state_dir(tmp_path / "state", until='"percent":50.0', review=True))
    screen.until("self-contained OpenStack", "SAFE TO LEAVE: NO", within=SOON)

    def cleared() -> bool:
        """Whether nothing is left: a page that opens is drawn more than once, so a frame may follow upon a clearing."""
        if still := "self-contained OpenStack" in screen.screen():
            screen.press("-R")
        return not still

    wait_until("the terminal is empty", cleared, SOON)
    screen.press("C-l")
    screen.until("self-contained OpenStack", "SAFE TO LEAVE: NO", within=SOON)
