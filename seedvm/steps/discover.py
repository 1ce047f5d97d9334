"""The stage discover: which BMCs there are.

Refuses to ask an address outside the declared ranges. A BMC that no longer answers stays in the inventory as silent.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import ClassVar

from seedvm.base import addresses
from seedvm.base.errors import SeedvmError
from seedvm.bmc.findings import WIRE, wire_findings
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each
from seedvm.machines.inventory import KnownMachine, MachineFact
from seedvm.scan.evidence import Bmc
from seedvm.scan.identity import merged
from seedvm.scan.run import Plan, cost, scan
from seedvm.scan.state import ScanProgress
from seedvm.scan.sweep import USUAL_PORTS, Ports, plan_sweep, sweep
from seedvm.scan.table import contradictions, remark_lines


class DiscoverStep:
    """Every BMC in the declared ranges is listed once, each fact with the packet it came from."""

    name: ClassVar[str] = "discover"
    title: ClassVar[str] = "Find the BMCs"
    stage: ClassVar[Stage] = "discover"
    usual_seconds: ClassVar[float] = 10.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS) -> None:
        self._state_dir = context.state_dir
        self._site = context.site
        self._ranges = context.site.bmc.targets
        self._ports = ports

    async def check(self) -> Verdict:
        known = inventory.load(self._state_dir)
        if known.ranges != self._ranges:
            budget = plan_sweep(self._ranges)
            cost = f"at most {budget.packets} packets and {budget.seconds:g} s"
            return Todo(f"{budget.addresses} addresses have not been scanned ({cost})")
        expected = [one.bmc for one in known.machines if not one.silent]
        if not expected:
            return Todo("no BMC has answered yet")
        result = await sweep(expected, ports=self._ports)
        missing = sorted(set(expected) - {one.address for one in result.bmcs})
        if missing:
            return Todo(f"no longer answering: {', '.join(missing)}")
        return Done({"bmcs": len(expected), "answer": len(result.bmcs)})

    async def apply(self, report: Report) -> None:
        plan = Plan(self._ranges, self._own_wire())
        budget = await cost(plan)
        report.log(str(budget))
        reported: dict[str, tuple[str, ...]] = {}

        def found(bmc: Bmc) -> None:
            if bmc.protocols and reported.get(bmc.address) != bmc.protocols:
                reported[bmc.address] = bmc.protocols
                report.node(bmc.address, "found", detail=" ".join(bmc.protocols))
                report.progress(len(reported), budget.sweep.addresses, "BMCs")

        progress = ScanProgress(self._state_dir, self._ranges)
        ended = await scan(plan, on_found=found, progress=progress, ports=self._ports)
        bmcs = [self._by_name(one) for one in merged(one for one in ended.bmcs if one.answered)]
        for bmc in ended.bmcs:
            if not bmc.answered:
                why = "does not answer" if self._declared(bmc) else "is outside bmc.ranges: it was not contacted"
                report.log(f"{bmc.address} announces that it is a BMC but {why}")
        for remark in (*contradictions(bmcs), *remark_lines(bmcs, ended.remarks)):
            report.log(remark)
        if not bmcs:
            raise SeedvmError(
                "no BMC answered",
                why=f"{budget.sweep.addresses} addresses in {', '.join(self._ranges)} did not answer",
                hint="check the cable, the BMC network's address on the seed, and the ranges",
            )
        known = inventory.load(self._state_dir)
        machines: list[KnownMachine] = []

        async def one(bmc: Bmc) -> None:
            machines.append(self._merged(known.machine(bmc.address) or KnownMachine(bmc.address), bmc))

        async def fell(bmc: Bmc, remark: MachineRemark) -> None:
            """What its answers mean is not known: it is listed all the same."""
            before = known.machine(bmc.address) or KnownMachine(bmc.address)
            machines.append(replace(before, protocols=bmc.protocols, silent=False))
            report.log(f"its answers could not be judged: {remark.reason}. To fix: {remark.cure}", node=bmc.address)

        await each(bmcs, one, fell, where=self.name)
        answered = {bmc.address for bmc in bmcs}
        machines += [replace(one, silent=True) for one in known.machines if one.bmc not in answered]
        inventory.update(self._state_dir, *machines, ranges=self._ranges)
        report.log(f"{len(bmcs)} BMCs in {ended.seconds:g} s with {ended.packets} packets")

    def _own_wire(self) -> tuple[str, ...]:
        """The BMCs' wire where the seed is on it: the whole of it may be asked at once."""
        seed = self._site.seed
        there = [name for _, name in socket.if_nameindex()]
        return (seed.bmc_nic,) if seed.bmc_interface and seed.bmc_nic in there else ()

    def _by_name(self, bmc: Bmc) -> Bmc:
        """Of several addresses the one that the operator speaks of is the machine's, so that what is said of it holds: above all
        that it is excluded."""

        def rank(one: str) -> int:
            said = self._site.machine(one)
            return 0 if said.role == "exclude" else 1 if said.role or said.mac else 2

        first, *rest = sorted((bmc.address, *bmc.also), key=rank)
        return replace(bmc, address=first, also=tuple(rest))

    def _declared(self, bmc: Bmc) -> bool:
        return addresses.parse(bmc.address) in self._site.bmc

    def _merged(self, machine: KnownMachine, bmc: Bmc) -> KnownMachine:
        """What was known of the machine with what the wire says of its BMC now."""
        said = self._site.machine(bmc.address)
        excluded = "the operator excluded it" if said.role == "exclude" else machine.unfit_reason
        return replace(
            machine,
            protocols=bmc.protocols,
            silent=False,
            guid=bmc.fact("guid") or machine.guid,
            vendor=bmc.fact("vendor") or machine.vendor,
            model=bmc.fact("product") or machine.model,
            certificate=bmc.fact("certificate"),
            boot_mac=said.mac or machine.boot_mac,
            boot_mac_source="site.yaml" if said.mac else machine.boot_mac_source,
            unfit_reason=excluded,
            facts=tuple(MachineFact(one.fact, one.value, one.source, one.time) for one in bmc.evidence),
            findings=wire_findings(bmc.protocols, {one.fact: one.value for one in bmc.evidence})
            + tuple(one for one in machine.findings if one.name not in WIRE),
        )
