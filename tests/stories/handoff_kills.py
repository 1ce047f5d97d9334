"""An engine that is killed right before any line of the hand-off is started again, and the hand-off ends as if nothing had been.

Takes about 20 seconds a kill (ROUNDS, usually 20) on a quiet machine, and a minute before the first; needs root, and no rack.

It is played in the lab of tests/contract/handoff: the real engine and the real verbs in namespaces, against emulated services. SEED
(usually 1) chooses the lines among all those that an undisturbed hand-off comes to; AT="steps/handoff_own.py:90 ..." names them. The next
run alone must end it: with SAFE TO LEAVE: YES, no doubt, the VIP at a node, and no write refused. The kills are in
build/stories/handoff-kills/kills.txt.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from seedvm.base import process
from seedvm.site.receipt import trusted
from tests.contract.handoff import whole
from tests.contract.handoff.lab import Lab, lab
from tests.contract.handoff.machine import REPOSITORY
from tests.contract.isolated import run_isolated
from tests.stories.story import Figures, Story

_SECONDS = 600.0


def run(story: Story) -> Figures:
    rounds, seed = story.number("ROUNDS", 20), story.number("SEED", 1)
    lines: list[str] = []

    async def undisturbed(one: Lab) -> None:
        assert (said := await engine("note")) == (0, "done"), said
        lines.extend(whole.LINES.read_text().split())

    played(story.folder / "undisturbed", undisturbed)
    story.say(f"an undisturbed hand-off comes to {len(lines)} lines")
    at = story.environment.get("AT", "").split()
    chosen = at or random.Random(seed).sample(lines, min(rounds, len(lines)))
    wrong: list[str] = []
    with (story.folder / "kills.txt").open("w") as file:
        for number, place in enumerate(chosen):
            found = [f"{place}: {what}" for what in killed_at(story.folder / str(number), *place.split(":"))]
            print(place, *(found or ["right"]), file=file, flush=True)
            story.say(f"{place}: {'; '.join(found) or 'right'}")
            wrong += found
    assert not wrong, "\n".join(wrong)
    return {"lines": len(lines), "kills": len(chosen)}


def killed_at(folder: Path, source: str, line: str) -> list[str]:
    """What is not as it must be after a kill there and a run to the end."""
    found: list[str] = []

    async def inside(one: Lab) -> None:
        code, said = await engine(source, line)
        if code == 0:
            return  # this time it did not come to that line
        if code != -9:
            found.append(f"the run that was to be killed ended by itself: {said}")
        again = await engine()
        if again != (0, "done"):
            found.append(f"the next run did not end it: {again[1]}")
            (folder / "journal.jsonl").write_bytes((one.state_dir / "journal.jsonl").read_bytes())
        else:
            found.extend(_amiss(one))

    played(folder, inside)
    return found


def _amiss(one: Lab) -> Iterator[str]:
    receipt = trusted(one.state_dir, one.site.name)
    if not receipt.may_leave or receipt.doubts:
        yield f"{receipt.verdict}, doubts: {', '.join(doubt.name for doubt in receipt.doubts)}"
    if one.holder() != [one.nodes[0].name]:
        yield f"the VIP is held by {one.holder()}"
    if one.haproxy["seed"].held and one.seed.unit("haproxy.service") == "active":
        yield "the seed still refuses writes"


async def engine(*words: str) -> tuple[int, str]:
    """Exit code and last line of an engine in this lab."""
    command = process.Command([sys.executable, "-m", "tests.contract.handoff.whole", *words], cwd=REPOSITORY)
    done = await process.arun(command, timeout=_SECONDS / 2, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()[-500:]


def played(folder: Path, work: Callable[[Lab], Awaitable[None]]) -> None:
    """In a lab of its own, of which nothing is left."""
    folder.mkdir(parents=True)

    async def inside() -> None:
        with lab(folder.resolve()) as made:
            await work(made)

    run_isolated(inside, _SECONDS)
