"""What the commands say in the folder of a controller: the seed is gone, the undercloud owns the site, and nothing was killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seedvm.cli import main

DEMO = Path(__file__).parents[1] / "recorded" / "demo"


@pytest.fixture
def controller(tmp_path: Path) -> Path:
    """What the seed stored on every controller, its journal as it was in the middle of the wipe."""
    lines = (DEMO / "journal.jsonl").read_text().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if '"wipe"' in line and '"step-started"' in line)
    (tmp_path / "journal.jsonl").write_text("".join(lines[: cut + 1]))
    for name in ("receipt.json", "receipt.pub", "review.json", "inventory.json"):
        shutil.copy(DEMO / name, tmp_path / name)
    (tmp_path / "handoff.jsonl").write_text("")
    return tmp_path


def test_status_says_handed_over_and_where_to_look_now(controller: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--state-dir", str(controller)]) == 0
    told = capsys.readouterr().out
    assert "site demo: handed over" in told and "killed" not in told and "working" not in told
    assert "this machine is a controller of the undercloud" in told and "seedvm top" in told
    assert main(["status", "--json", "--state-dir", str(controller)]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "handed over"


def test_the_same_journal_on_a_seed_is_one_of_an_engine_that_was_killed(
    controller: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (controller / "handoff.jsonl").unlink()
    assert main(["status", "--state-dir", str(controller)]) == 1
    assert "site demo: killed" in capsys.readouterr().out


def test_an_edited_receipt_hands_nothing_over(controller: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = controller / "receipt.json"
    path.write_text(path.read_text().replace("true", "false", 1))
    assert main(["status", "--state-dir", str(controller)]) == 1
    assert "changed since it was signed" in capsys.readouterr().err


def test_machines_say_when_their_power_was_seen(controller: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines", "--state-dir", str(controller)]) == 0
    told = capsys.readouterr().out
    assert "power off when it was found" in told or "power on when it was found" in told
