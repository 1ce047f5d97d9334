"""`seedvm handoff undo`: a hand-off before COMMIT is taken back, at the operator's word, and it is seen that all is as before."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.connection import in_thread
from seedvm.controller import units, vip
from seedvm.engine.stages import HandoffPhase
from seedvm.handoff import canary, hold
from seedvm.handoff.members import Members
from seedvm.handoff.record import Record
from seedvm.services.load import installed

PHASES: tuple[HandoffPhase, ...] = ("COMPARE", "QUIESCE", "FENCE", "COMMIT")
"""Those before the point of no return, in their order."""
_WORKERS_SECONDS = 90.0


@dataclass(frozen=True)
class Undone:
    """What was found and taken back. `undone`: there was a hand-off to take back. `writes_were_held`; `started`: the workers that had been
    stopped; `vip_here`: the seed holds the VIP."""

    undone: bool
    writes_were_held: bool
    started: tuple[str, ...]
    vip_here: bool


async def undo(members: Members, *, workers_seconds: float = _WORKERS_SECONDS) -> Undone:
    """Writes pass, workers run, records say so. A SeedvmError after COMMIT, and where it is not seen to be as before."""
    if await members.committed():
        raise SeedvmError(
            "the hand-off cannot be undone: COMMIT is passed",
            why=await _passed(members),
            hint="complete the hand-off: seedvm run",
        )
    known, held = members.record(), vip.writes_held()
    workers = installed().units("worker")
    here = await in_thread(lambda: vip.holds(members.vip))
    timers = await units.active(tuple(f"{name}.timer" for name in hold.TIMERS))
    running = await units.active(workers)
    if not known.attempt and not held and not timers:  # no hand-off has begun: services may not even be configured
        return Undone(False, False, (), here)
    if known == Record(attempt=known.attempt) and not held and not timers and len(running) == len(workers):
        return Undone(False, False, (), here)
    await hold.take_back(members, hold.last_begun(known))
    stopped = tuple(unit for unit in workers if unit not in running)
    if stopped:
        await wait_for(
            lambda: _all_run(workers),
            seconds=workers_seconds,
            what="writes pass again, but not all of the seed's workers run",
            hint="on the seed: systemctl --failed; journalctl -p err; then run it again",
        )
    if known.canary is not None:
        with contextlib.suppress(SeedvmError):
            api, made = await members.login(members.seed.address), known.canary
            await in_thread(lambda: canary.take_out(api, made))
    members.save(Record(attempt=known.attempt))  # the name stays: a line of it on a node that was off means nothing
    return Undone(True, held, stopped, here)


async def _passed(members: Members) -> str:
    """Why there is no way back, with the VIP's holder where the nodes can be asked."""
    try:
        holders = [node.name for node in await members.holders()]
    except SeedvmError as error:
        return f"this seed has handed over the site; who holds the VIP {members.vip} is not known: {error.what}"
    where = f"{', '.join(holders)} holds the VIP {members.vip}" if holders else f"the VIP {members.vip} is on its way"
    return f"this seed has handed over the site, and {where}"


async def _all_run(workers: tuple[str, ...]) -> bool:
    running = await units.active(workers)
    if missing := [unit for unit in workers if unit not in running]:
        raise SeedvmError("not running yet", why=", ".join(missing))
    return True
