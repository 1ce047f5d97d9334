"""One time for all files of a tree, and what Python compiled stays good for its source."""

from __future__ import annotations

import os
import py_compile
import sys
from pathlib import Path

from seedvm.base import process
from seedvm.image import times

BEFORE, AFTER = times.epoch() - 1000, times.epoch() + 1000


def compiled(tree: Path, name: str, when: int) -> Path:
    source = tree / f"{name}.py"
    source.write_text("VALUE = 1\n")
    os.utime(source, (when, when))
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    return source


def test_what_is_younger_gets_the_builds_time_and_what_is_older_keeps_its_own(tmp_path: Path) -> None:
    young, old = compiled(tmp_path, "young", AFTER), compiled(tmp_path, "old", BEFORE)
    times.clamp(tmp_path)
    assert (young.stat().st_mtime, old.stat().st_mtime) == (times.epoch(), BEFORE)


def test_python_takes_the_compiled_form_of_every_source_afterwards(tmp_path: Path) -> None:
    for name, when in (("young", AFTER), ("old", BEFORE)):
        compiled(tmp_path, name, when)
    (tmp_path / "__pycache__/empty.pyc").touch()
    times.clamp(tmp_path)
    told = process.run(
        process.Command([sys.executable, "-v", "-B", "-c", "import young, old"], cwd=tmp_path), timeout=30
    ).stderr
    for name in ("young", "old"):
        assert f"{tmp_path}/__pycache__/{name}.{sys.implementation.cache_tag}.pyc matches {tmp_path}/{name}.py" in told
