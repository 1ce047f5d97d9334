"""What a run leaves that ends before COMMIT: nothing, whichever way it ended and between whichever two steps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from seedvm.engine.journal import Journal
from seedvm.engine.run import Ended, run
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Step, Todo, Verdict
from seedvm.handoff import hold
from seedvm.services.load import installed
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, fenced

WORKERS = installed().units("worker")


def held(lab: Lab) -> bool:
    return lab.haproxy["seed"].held and not any(lab.seed.unit(unit) == "active" for unit in WORKERS)


def as_before(lab: Lab) -> bool:
    running = all(lab.seed.unit(unit) == "active" for unit in WORKERS)
    timers = any(lab.seed.timer(name) for name in hold.TIMERS)
    return running and not timers and not lab.haproxy["seed"].held and lab.holder() == ["seed"]


@dataclass(frozen=True)
class Held:
    """Whatever comes before COMMIT, in one step."""

    lab: Lab
    name: ClassVar[str] = "handoff-fence"
    title: ClassVar[str] = "hold"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 1

    async def check(self) -> Verdict:
        return Done({}) if held(self.lab) else Todo("writes pass")

    async def apply(self, report: Report) -> None:
        await fenced(self.lab)


@dataclass(frozen=True)
class Next:
    """The step after it, whose check is where the engine is when something happens."""

    look: Callable[[], Awaitable[object]]
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    name: ClassVar[str] = "handoff-commit"
    title: ClassVar[str] = "the next step"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 1

    async def check(self) -> Verdict:
        self.reached.set()
        await self.look()
        return Todo("never")

    async def apply(self, report: Report) -> None: ...


async def defect() -> None:
    raise ValueError("a defect")


async def engine(lab: Lab, *steps: Step, until: str | None = None) -> Ended:
    journal = Journal(lab.state_dir / "journal.jsonl", "demo", "run")
    return await run(steps, journal, until=until, tidy=partial(hold.take_back_left, lab.members))


def told(lab: Lab) -> list[str]:
    lines = [json.loads(line) for line in (lab.state_dir / "journal.jsonl").read_text().splitlines()]
    return [f"{line['phase']} {line['state']}" for line in lines if line["event"] == "phase"]


@in_a_lab
async def test_sigterm_between_two_steps_undoes_the_hand_off_at_once(lab: Lab) -> None:
    step = Next(asyncio.Event().wait)
    running = asyncio.create_task(engine(lab, Held(lab), step))
    await step.reached.wait()
    assert held(lab)
    running.cancel()
    assert await running == Ended("stopped")
    assert as_before(lab) and told(lab) == ["FENCE undone", "QUIESCE undone"]
    assert lab.lines(lab.nodes[0])[-1] == "QUIESCE undone" and lab.record.hold_since is None


@in_a_lab
async def test_a_defect_between_two_steps_and_a_stop_before_one_leave_nothing_either(lab: Lab) -> None:
    assert (await engine(lab, Held(lab), Next(defect))).verdict == "failed"
    assert as_before(lab)
    assert await engine(lab, Held(lab), Next(defect), until="handoff-commit") == Ended("stopped", "handoff-commit")
    assert as_before(lab) and told(lab) == 2 * ["FENCE undone", "QUIESCE undone"]


@in_a_lab
async def test_an_engine_begins_by_undoing_what_one_that_was_killed_has_left(lab: Lab) -> None:
    await fenced(lab)
    seen: list[bool] = []

    async def look() -> None:
        seen.append(as_before(lab))
        raise ValueError("a defect")

    assert (await engine(lab, Next(look))).verdict == "failed"
    assert seen == [True], "no user waits for the checks of the steps before the hand-off"


@in_a_lab
async def test_the_seeds_timer_starts_the_workers_as_well_where_no_engine_comes(lab: Lab) -> None:
    await fenced(lab)
    lab.seed.fire(next(name for name in hold.TIMERS if lab.seed.timer(name)))
    assert as_before(lab)


@in_a_lab
async def test_after_commit_nothing_is_taken_back(lab: Lab) -> None:
    await committed(lab)
    assert (await engine(lab, Next(defect))).verdict == "failed"
    assert lab.holder() == ["demo-undercloud-0"] and not any(lab.seed.unit(unit) == "active" for unit in WORKERS)
    assert told(lab) == []
