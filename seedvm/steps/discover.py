"""The stretch discover: which BMCs there are.

Refuses to ask an address outside the declared ranges. A BMC that no longer answers stays in the inventory as silent.
"""

from __future__ import annotations

from dataclasses import replace

from seedvm import inventory
from seedvm.bmc.findings import WIRE, wire_findings
from seedvm.errors import SeedvmError
from seedvm.inventory import Fact, Machine
from seedvm.scan.evidence import Bmc
from seedvm.scan.sweep import USUAL_PORTS, Ports, plan_sweep, sweep
from seedvm.step import Context, Done, Report, Todo, Verdict


class DiscoverStep:
    """Every BMC in the declared ranges is listed once, each fact with the packet it came from."""

    name = "discover"
    title = "Find the BMCs"
    stretch = "discover"
    usual_seconds = 6.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS) -> None:
        self._state_dir = context.state_dir
        self._site = context.site
        self._ranges = context.site.bmc.targets
        self._ports = ports

    async def check(self) -> Verdict:
        known = inventory.load(self._state_dir)
        if known.ranges != self._ranges:
            budget = plan_sweep(self._ranges)
            cost = f"{budget.packets} packets, {budget.seconds:g} s at most"
            return Todo(f"{budget.addresses} addresses have not been scanned ({cost})")
        expected = [one.bmc for one in known.machines if not one.silent]
        if not expected:
            return Todo("no BMC has answered yet")
        result = await sweep(expected, ports=self._ports)
        missing = sorted(set(expected) - {one.address for one in result.bmcs})
        if missing:
            return Todo(f"{', '.join(missing)} answered before and no longer do")
        return Done({"bmcs": len(expected), "answer": len(result.bmcs)})

    async def apply(self, report: Report) -> None:
        budget = plan_sweep(self._ranges)
        report.log(f"asking {budget.addresses} addresses: at most {budget.packets} packets in {budget.seconds:g} s")
        told: dict[str, tuple[str, ...]] = {}

        def found(bmc: Bmc) -> None:
            if bmc.protocols and told.get(bmc.address) != bmc.protocols:
                told[bmc.address] = bmc.protocols
                report.node(bmc.address, "found", detail=" ".join(bmc.protocols))
                report.progress(len(told), budget.addresses, "BMCs")

        result = await sweep(self._ranges, ports=self._ports, on_found=found)
        if not result.bmcs:
            raise SeedvmError(
                "no BMC answered",
                why=f"{budget.addresses} addresses in {', '.join(self._ranges)} are silent",
                hint="check the cable, the BMC network's address on the seed, and the ranges",
            )
        known = inventory.load(self._state_dir)
        machines = [self._merged(known.machine(bmc.address) or Machine(bmc.address), bmc) for bmc in result.bmcs]
        answered = {bmc.address for bmc in result.bmcs}
        machines += [replace(one, silent=True) for one in known.machines if one.bmc not in answered]
        inventory.update(self._state_dir, *machines, ranges=self._ranges)
        report.log(f"{len(result.bmcs)} BMCs in {result.seconds:g} s with {result.packets} packets")

    def _merged(self, machine: Machine, bmc: Bmc) -> Machine:
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
            facts=tuple(Fact(one.fact, one.value, one.source, one.time) for one in bmc.evidence),
            findings=wire_findings(bmc.protocols, {one.fact: one.value for one in bmc.evidence})
            + tuple(one for one in machine.findings if one.name not in WIRE),
        )
