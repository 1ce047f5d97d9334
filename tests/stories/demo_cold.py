"""From a checkout and nothing else to an OpenStack that stands alone: images built, the whole demo without a screen, its figures.

Takes about 15 minutes a round (ROUNDS, usually 1); needs root, 20 GB of memory and 25 GB of disk, and no other rack.

It works in a copy of this checkout's files, so that nothing that was built before is used and nothing that was built is lost. Each
round must end with the receipt's SAFE TO LEAVE: YES, and a second run of the demo must change nothing. The figures are those of the
report (docs/decisions has their limits), as the worst of all rounds.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from seedvm.base import process
from tests.stories.story import SOURCE, Figures, Story

_HOURS = 2 * 3600.0
_LIMITS = {
    "road_seconds": 15 * 60,
    "seed_pss_mib": 2.6 * 1024,
    "handoff_longest_gap_seconds": 2,
    "handoff_write_pause_seconds": 60,
    "ids_changed": 0,
    "node_reboots": 0,
}
"""What the end-to-end tests hold the demo to (tests/e2e/test_1_road.py), without their second round."""


def run(story: Story) -> Figures:
    figures: dict[str, float] = {}
    for number in range(story.number("ROUNDS", 1)):
        for name, value in _round(story, number + 1).items():
            figures[name] = max(value, figures.get(name, value))
    over = [f"{name} is {figures[name]}, at most {limit}" for name, limit in _LIMITS.items() if figures[name] > limit]
    assert not over, "; ".join(over)
    return figures


def _round(story: Story, number: int) -> dict[str, float]:
    checkout = (story.folder / f"checkout-{number}").resolve()
    _copy(checkout)
    log = (story.folder / f"round-{number}.log").resolve()
    begin = time.monotonic()
    try:
        _seedvm(story, log, checkout, "image", "build")
        images = time.monotonic() - begin
        _seedvm(story, log, checkout, "demo", "--headless")
        demo = time.monotonic() - begin - images
        receipt = json.loads((checkout / "build/demo/receipt.json").read_text())
        assert receipt["verdict"].startswith("SAFE TO LEAVE: YES"), receipt["verdict"]
        assert receipt["ids"]["before"] == receipt["ids"]["after"], "ids have changed"
        _seedvm(story, log, checkout, "demo", "--headless")
        report = json.loads((checkout / "build/demo/report.json").read_text())
        unknown = [name for name in _LIMITS if report[name] is None]
        assert not unknown, f"the report does not know {', '.join(unknown)}"
        story.say(f"round {number}: images {images:.0f} s, demo {demo:.0f} s, {receipt['verdict']}")
        return {"images_seconds": round(images), "demo_seconds": round(demo)} | {name: report[name] for name in _LIMITS}
    finally:
        process.run(process.Command([*_command(), "rack", "clean"], cwd=checkout), timeout=300, check=False)
        shutil.rmtree(checkout, ignore_errors=True)


def _copy(checkout: Path) -> None:
    """The files that git knows, and what it would add."""
    listed = process.run(
        process.Command(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE), timeout=60
    )
    for name in listed.stdout.split("\0"):
        if name and (SOURCE / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, checkout / name, follow_symlinks=False)


def _command() -> list[str]:
    return [sys.executable, "-m", "seedvm"]


def _seedvm(story: Story, log: Path, checkout: Path, *words: str) -> None:
    """A command of the copy, whose last line is told when it ends; its output is added to the log."""
    with log.open("a") as file:
        done = process.stream(
            process.Command([*_command(), *words], cwd=checkout),
            lambda line: print(line, file=file, flush=True),
            timeout=_HOURS,
            check=False,
        )
    last = done.stdout.splitlines()[-1:] or [""]
    assert done.returncode == 0, f"seedvm {' '.join(words)} ended with code {done.returncode}; see {log}"
    story.say(f"seedvm {' '.join(words)}: {last[0]}")
