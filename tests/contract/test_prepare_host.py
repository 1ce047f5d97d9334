"""The first command of a clone is quiet, and says where to read on when it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

from seedvm.base import process
from tests.rules.test_linters import ROOT


def test_pip_speaks_when_it_fails_and_its_words_are_kept(tmp_path: Path) -> None:
    """Nothing listens at the registry that pip is given."""
    pinned = (str(path.relative_to(ROOT)) for path in (ROOT / "requirements").glob("*.txt"))
    for name in ("scripts/prepare-host.sh", "pyproject.toml", *pinned):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    nowhere = {"PIP_CONFIG_FILE": "/dev/null", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    registry = {**nowhere, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    command = process.Command([tmp_path / "scripts/prepare-host.sh", "venv"], env=registry)
    done = process.run(command, timeout=300, check=False)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(">> making the virtual environment in .venv with Python 3") and "FAILED after" in line
    log = tmp_path / "build/prepare-host.log"
    assert done.stderr.splitlines()[-1].endswith(f"its whole output is in {log}")
    assert "No matching distribution" in log.read_text() and "No matching distribution" in done.stderr
