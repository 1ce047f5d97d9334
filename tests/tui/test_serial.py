"""What the wizard sends down a serial line, counted on a real pseudo terminal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from pathlib import Path

import pytest

from seedvm import proc
from tests.tui.helpers import state_dir

ROOT = Path(__file__).parents[2]
SECONDS = 10.0


@pytest.mark.slow
@pytest.mark.parametrize("term", ["vt220", "linux"])
def test_first_paint_within_8_kb_and_steady_within_300_bytes_a_second_without_colour_or_glyphs(
    tmp_path: Path, term: str
) -> None:
    folder = state_dir(tmp_path, until='"percent":50.0', review=True)
    lock = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)  # an engine is at work: the clock runs
    program = Path(__file__).with_name("on_a_line.py")
    done = proc.run([sys.executable, str(program), str(folder), term, str(SECONDS)], timeout=180, cwd=ROOT)
    os.close(lock)
    said = json.loads(done.stdout)
    assert 0 < said["first"] <= 8192
    assert 0 < said["page"] <= 16384
    assert said["steady"] / SECONDS <= 300
    assert said["text"].isascii()
    coloured = [
        code
        for code in re.findall(r"\x1b\[([0-9;]*)m", said["text"])
        if re.search(r"(^|;)([349][0-7]|[34]8)(;|$)", code)
    ]
    assert not coloured
