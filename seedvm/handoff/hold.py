"""The hold on writes before COMMIT, and the way back: writes pass, the seed's workers run, and no record says otherwise.

While writes are held a timer of systemd is set on the seed at every moment; should the engine die, it does the essential part of the
way back (`member release`). Once the seed has handed over there is no way back, and all of this is refused or does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

from seedvm.base.errors import SeedvmError
from seedvm.cloud.ssh import SEEDVM
from seedvm.controller import handed_over, units, vip
from seedvm.engine.stages import HandoffPhase
from seedvm.engine.step import Report
from seedvm.handoff.members import Members
from seedvm.handoff.record import Record
from seedvm.member import verbs
from seedvm.member.launch import StopRequest
from seedvm.services.load import installed

SECONDS = 240.0
TIMERS = ("seedvm-hold-end", "seedvm-hold-end-2")
"""Of these one is set while the other one is replaced: a kill in between leaves a timer, not a hold without one."""
HELD = "write_hold_since"
"""The fact that tells the screen since when writes are held (epoch); None once they pass."""
LIMIT_SECONDS = 20.0
"""How long writes may be refused in a hand-off, also on a busy machine. It is a promise: nothing ends by it."""
_NOTE_SECONDS = 15.0


class HoldEnded(SeedvmError):
    """Writes pass again; the hand-off begins with QUIESCE again."""

    passing = True


async def declare(report: Report) -> float:
    """Refuse writes at the seed's HAProxy, from the time (epoch) that it returns on; the timer is set first."""
    await _set_timer()
    since = time.time()
    # In the loop itself, it takes a millisecond: a thread that a cancellation leaves behind would hold writes after their release.
    vip.hold_writes(True)
    report.fact("write_pause_limit_seconds", LIMIT_SECONDS)
    report.fact(HELD, round(since, 1))
    return since


async def renew() -> None:
    """The whole time again for the next phase. A SeedvmError where writes pass."""
    assert_held()
    await _set_timer()
    assert_held()


def assert_held() -> None:
    """HoldEnded where the seed's HAProxy lets writes through."""
    if not vip.writes_held():
        raise HoldEnded(
            "the undercloud accepts changes again",
            why=f"the hold on writes has ended: its timer allows {SECONDS:g} s for each phase, or HAProxy was restarted",
            hint="run again; the hand-off begins with QUIESCE again",
        )


async def _set_timer() -> None:
    active = await units.active(tuple(f"{name}.timer" for name in TIMERS))
    new, old = reversed(TIMERS) if f"{TIMERS[0]}.timer" in active else TIMERS
    await units.timer(new, SECONDS, [SEEDVM, "member", "release"])
    await units.cancel(old)


async def take_back_left(members: Members, report: Report) -> None:
    """Take back what a run has left that ended before COMMIT; nothing where it left nothing. Who was killed could not do it itself."""
    known = members.record()
    if not known.attempt or known.committed is not None or handed_over.marked(members.site.name):
        return
    timers = await units.active(tuple(f"{name}.timer" for name in TIMERS))
    if known.hold_since is None and not timers and not vip.writes_held():
        return
    await take_back(members, last_begun(known), report)
    fenced = (
        known.compared is not None and known.hold_since is not None and known.compared.hold_since == known.hold_since
    )
    begun: Mapping[HandoffPhase, bool] = {"COMMIT": "COMMIT" in known.began, "FENCE": fenced, "QUIESCE": True}
    for phase in (one for one, whether in begun.items() if whether):
        report.phase(phase, "undone", "changes are accepted again and the seed's workers run")


def last_begun(known: Record) -> HandoffPhase:
    """The last phase before the point of no return that its record knows of."""
    return "COMMIT" if "COMMIT" in known.began else "QUIESCE"


async def take_back(members: Members, phase: HandoffPhase, report: Report | None = None) -> None:
    """All that the hand-off has done before COMMIT, the most important first; what one part meets does not keep the others from it.

    The nodes' records say "undone" where they can be asked. It does nothing once the seed has handed over.
    """
    if handed_over.marked(members.site.name):
        return
    problems: list[SeedvmError] = []
    try:
        if vip.writes_held():
            vip.hold_writes(False)
    except SeedvmError as error:
        problems.append(error)
    try:
        await units.start(installed().units("worker"))
    except SeedvmError as error:
        problems.append(error)
    known = members.record()
    members.save(replace(known, hold_since=None, quiesced=None, compared=None, watch=None))
    if report is not None:
        report.fact(HELD, None)
    if not problems:  # else the timers try it once more
        for name in TIMERS:
            await units.cancel(name)
    with contextlib.suppress(SeedvmError, TimeoutError):
        async with asyncio.timeout(_NOTE_SECONDS):
            await members.note(phase, "undone")
            if known.watch is not None:
                await members.ask_one(members.node(known.watch.member), verbs.STOP, StopRequest("watch"))
    if problems:
        raise problems[0]
