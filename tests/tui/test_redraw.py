"""Ctrl+L draws the whole screen: who attaches to a serial line later sees nothing of what was drawn before."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seedvm import proc
from tests.tui.helpers import state_dir

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_cleared_terminal_shows_the_page_again(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"percent":50.0', review=True)

    def tmux(*words: str) -> str:
        return proc.run(["tmux", "-S", tmp_path / "tmux", *words], timeout=60, check=False).stdout

    def seen(condition: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition(tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, tmux("capture-pane", "-p")
            time.sleep(0.1)

    program = [sys.executable, "-m", "tui", "--state-dir", str(folder)]
    tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(ROOT), *program)
    try:
        seen(lambda screen: "OpenStack that stands alone" in screen)
        tmux("send-keys", "-R")
        seen(lambda screen: "OpenStack that stands alone" not in screen)
        tmux("send-keys", "C-l")
        seen(lambda screen: "OpenStack that stands alone" in screen and "Enter" in screen)
    finally:
        tmux("kill-server")
