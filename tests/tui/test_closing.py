"""How a screen is left and found again: the terminal is given back, the last words say what goes on, and it opens where it is needed."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Pane, Tmux, wait_until
from tests.tui.helpers import UNICODE, cable, grid, hold_lock, loaded, name, state_dir, until, wizard
from tui.app import WizardApp
from tui.backend.engine import EngineClient

ROOT = Path(__file__).parents[2]
SOON = 120.0


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("scripts/prepare-host.sh installs tmux")
    folder = tmp_path / "tmux"
    folder.mkdir()
    one = Tmux(folder)
    one.begin()
    yield one
    one.end()


def modes(pane: Pane) -> str:
    """Other screen, cursor, mouse reports, line wrap."""
    wanted = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{wrap_flag}"
    return pane.tmux.ask("display-message", "-p", "-t", pane.name, wanted).strip()


def screen(tmux: Tmux, state: Path, after: str = "") -> Pane:
    words = shlex.join([sys.executable, "-m", "tui", "--state-dir", str(state)])
    return tmux.open(f"{words}; echo ended $?; {after or 'cat'}", ROOT)


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_machine_that_is_switched_off_under_the_screen_gives_the_terminal_back(
    tmux: Tmux, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    pane = screen(tmux, state_dir(tmp_path / "state", until='"percent":50.0', review=True))
    pane.until("self-contained OpenStack", "SAFE TO LEAVE: NO", within=SOON)
    wait_until("the screen is drawn on the other screen", lambda: modes(pane).startswith("1 "), SOON)
    os.kill(next(pid for pid, command in pane.commands("-m tui").items() if "echo" not in command), sent)
    pane.until(f"ended {code}", "no engine is running", "seedvm wizard opens it again", within=SOON)
    assert modes(pane) == "0 1 0 1"


@pytest.mark.slow
def test_a_full_screen_program_that_is_killed_leaves_no_trace_on_the_terminal(tmux: Tmux) -> None:
    program = "stty raw -echo; printf '\\033[?1049h\\033[?25l\\033[?7l\\033[?1003h\\033[?1006h'; kill -9 $$"
    told = (
        "from seedvm.base import process, terminal\n"
        f"code = process.interactive(['sh', '-c', {program!r}])\n"
        "terminal.leave_screen()\nprint('code', code)"
    )
    pane = tmux.open(f"{shlex.join([sys.executable, '-c', told])}; stty -a; cat", ROOT)
    pane.until("code -9", " echo ", " icanon ", within=SOON)
    assert modes(pane) == "0 1 0 1"


@pytest.mark.slow
def test_the_last_words_say_what_goes_on_without_the_screen(tmux: Tmux, tmp_path: Path) -> None:
    pane = screen(tmux, state_dir(tmp_path / "state", review=True, receipt=True))
    pane.until("SAFE TO LEAVE: YES", within=SOON)
    pane.press("C-q")
    pane.until("ended 0", "SAFE TO LEAVE: YES, since", "receipt.txt", within=SOON)


async def test_ctrl_c_says_that_the_engine_goes_on_and_covers_neither_light_nor_keys(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"percent":50.0', review=True)
    lock = hold_lock(folder)
    app = wizard(folder)
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await loaded(pilot)
            await until(pilot, lambda: app.view.running, "the engine")
            app.go("progress")
            await until(pilot, lambda: "Log of all machines" in grid(app), "the page")
            await pilot.press("ctrl+c")
            await until(pilot, lambda: "The engine keeps" in grid(app), "the answer")
            shown = grid(app).splitlines()
            assert "SAFE TO LEAVE: NO" in shown[22] and "Ctrl" not in shown[22] and "F1 Help" in shown[23]
    finally:
        os.close(lock)


async def test_f4_says_what_it_did(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await loaded(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "plain ASCII without colours" in grid(app), "the word")
        await pilot.press("f4")
        await until(pilot, lambda: "colours and drawn lines" in grid(app), "the word")


@pytest.mark.parametrize(
    ("cut", "runs", "receipt", "page"),
    [
        ("", False, True, "receipt"),
        ('"phase":"OWN","state":"started"', True, False, "handoff"),
        ('"percent":50.0', True, False, "progress"),
        ('"percent":50.0', False, False, "welcome"),
    ],
)
async def test_a_screen_opens_where_the_site_stands(
    tmp_path: Path, cut: str, runs: bool, receipt: bool, page: str
) -> None:
    folder = state_dir(tmp_path, until=cut, review=True, receipt=receipt)
    lock = hold_lock(folder) if runs else None
    app = WizardApp(EngineClient(folder, sys_net=cable(folder)), UNICODE, opens_where_needed=True)
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await loaded(pilot)
            await until(pilot, lambda: name(app) == page, page)
    finally:
        if lock is not None:
            os.close(lock)
