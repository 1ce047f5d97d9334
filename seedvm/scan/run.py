"""A whole scan: silence first, then the questions to a whole wire, then the declared addresses one by one; one budget for all.

Refuses to contact an address that was not declared, whatever names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from seedvm.scan.evidence import Bmc, HostRemark
from seedvm.scan.identify import USUAL_PORTS, OnFound, OnRemark, Ports
from seedvm.scan.listen import Neighbour, listen
from seedvm.scan.multicast import plan_search, search
from seedvm.scan.onlink import own_wires
from seedvm.scan.pace import Pace
from seedvm.scan.ranges import wires
from seedvm.scan.state import ScanProgress
from seedvm.scan.sweep import DEFAULT_RATE, PACKETS_A_BMC, SECONDS_BY_HALVES, Budget, plan_sweep, sweep
from seedvm.scan.vlan import vlan

OnHeard = Callable[[Neighbour], None]


@dataclass(frozen=True)
class Plan:
    """What is scanned: `ranges` by unicast, `nics` by multicast and, for `listen` seconds before, in silence; `rate` in packets/s."""

    ranges: tuple[str, ...]
    nics: tuple[str, ...] = ()
    listen: float = 0.0
    rate: float = DEFAULT_RATE


@dataclass(frozen=True)
class Cost:
    """What a scan sends at most and takes at most without answers, and what each BMC that answers adds; shown before it starts."""

    sweep: Budget
    packets: int
    seconds: float

    def __str__(self) -> str:
        what = [f"{self.sweep.addresses} addresses"] if self.sweep.addresses else []
        what += [f"link-local neighbours on {', '.join(self.sweep.wires)}"] if self.sweep.wires else []
        asked = " and ".join(what) or "the network"
        return (
            f"contacting {asked}: {self.packets} packets in {self.seconds:g} s, and at most {PACKETS_A_BMC} more per BMC"
            f" (plus up to {SECONDS_BY_HALVES} s if a host answers only in part)"
        )


@dataclass(frozen=True)
class ScanEnd:
    """How a scan ended: what was found by address, packets sent, seconds, whether it came to its end, and `remarks` on hosts that showed
    no sign of a BMC (those on BMCs are among their evidence)."""

    bmcs: tuple[Bmc, ...]
    packets: int
    seconds: float
    complete: bool
    remarks: tuple[HostRemark, ...] = ()


async def cost(plan: Plan) -> Cost:
    """What the plan will cost, with what is on link here."""
    budget = plan_sweep(plan.ranges, rate=plan.rate, on_wire=await own_wires())
    packets, seconds = plan_search(plan.nics, rate=plan.rate)
    return Cost(budget, budget.packets + packets, round(budget.seconds + seconds + plan.listen, 1))


async def scan(
    plan: Plan,
    *,
    on_found: OnFound,
    on_heard: OnHeard | None = None,
    on_remark: OnRemark | None = None,
    progress: ScanProgress | None = None,
    deadline: float | None = None,
    ports: Ports = USUAL_PORTS,
) -> ScanEnd:
    """Scan as planned; what `progress` has is not asked again. `deadline` is in seconds."""
    loop = asyncio.get_running_loop()
    started, pace, complete = loop.time(), Pace(plan.rate), True
    found: dict[str, Bmc] = dict(progress.bmcs) if progress else {}

    def note(bmc: Bmc) -> None:
        found[bmc.address] = found.get(bmc.address, Bmc(bmc.address)).with_(bmc.protocols, bmc.evidence)
        if progress:
            progress.found(bmc)
        on_found(found[bmc.address])

    odd: list[HostRemark] = list(progress.remarks) if progress else []

    def note_odd(remark: HostRemark) -> None:
        odd.append(remark)
        if progress:
            progress.odd(remark)
        if on_remark:
            on_remark(remark)

    async with AsyncExitStack() as stack:
        for nic in dict.fromkeys((*plan.nics, *wires(plan.ranges))):
            await stack.enter_async_context(vlan(nic))
        try:
            async with asyncio.timeout(deadline):
                await _wire(plan, pace, note, on_heard, note_odd)
                done = progress.done() if progress else frozenset()
                after = progress.block if progress else None
                await sweep(
                    plan.ranges,
                    pace=pace,
                    rate=plan.rate,
                    on_found=note,
                    on_done=after,
                    skip=done,
                    ports=ports,
                    on_remark=note_odd,
                )
        except TimeoutError:
            complete = False
    if progress:
        progress.save(complete=complete)
    remarks = tuple(one for one in odd if one.address not in found)
    return ScanEnd(tuple(found.values()), pace.sent, round(loop.time() - started, 3), complete, remarks)


async def _wire(plan: Plan, pace: Pace, note: OnFound, on_heard: OnHeard | None, note_odd: OnRemark) -> None:
    if plan.listen:
        await asyncio.gather(*(listen(nic, seconds=plan.listen, on_seen=on_heard) for nic in plan.nics))
    if plan.nics:
        await search(plan.nics, pace=pace, on_found=note, on_remark=note_odd)
