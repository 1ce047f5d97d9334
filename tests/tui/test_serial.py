"""What the wizard sends down a serial line, counted on a real pseudo terminal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from tests.tui.helpers import state_dir

ROOT = Path(__file__).parents[2]
SECONDS = 10.0


def on_a_line(folder: Path, *words: str) -> Any:
    """What tests/tui/on_a_line.py counts, with an engine running, so that the clock runs."""
    state_dir(folder, until='"percent":50.0', review=True)
    lock = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    program = Path(__file__).with_name("on_a_line.py")
    done = process.run(process.Command([sys.executable, str(program), str(folder), *words], cwd=ROOT), timeout=180)
    os.close(lock)
    return json.loads(done.stdout)


def colours(text: str) -> list[str]:
    """The escapes that set a colour, of whatever depth."""
    codes = re.findall(r"\x1b\[([0-9;]*)m", text)
    return [code for code in codes if re.search(r"(^|;)([349][0-7]|[34]8|10[0-7])(;|$)", code)]


@pytest.mark.slow
@pytest.mark.parametrize("term", ["vt220", "linux"])
def test_first_paint_within_8_kb_and_steady_within_300_bytes_a_second_without_colour_or_glyphs(
    tmp_path: Path, term: str
) -> None:
    said = on_a_line(tmp_path, term, str(SECONDS))
    assert 0 < said["first"] <= 8192
    assert 0 < said["page"] <= 16384
    assert 0 < said["steady"] / SECONDS <= 300
    assert said["text"].isascii() and not colours(said["text"])


@pytest.mark.slow
def test_no_color_is_obeyed_on_a_terminal_that_could(tmp_path: Path) -> None:
    assert colours(on_a_line(tmp_path / "with", "xterm-256color", "1")["text"])
    assert not colours(on_a_line(tmp_path / "without", "xterm-256color", "1", "NO_COLOR=1")["text"])
