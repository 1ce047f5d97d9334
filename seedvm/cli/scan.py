"""The command scan: list the BMCs in declared ranges, as they are found. No password is sent."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, say

if TYPE_CHECKING:
    from seedvm.cli.scan_view import ScanView
    from seedvm.machines.inventory import Finding
    from seedvm.scan.evidence import Bmc, HostRemark
    from seedvm.scan.run import Plan, ScanEnd
    from seedvm.scan.state import ScanProgress


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    scan = commands.add_parser("scan", parents=[shared], help="find BMCs in address ranges; sends no passwords")
    scan.add_argument(
        "ranges",
        nargs="*",
        metavar="RANGE",
        help="a-b, a network, one address, or fe80::/10%%NIC for link-local BMCs (default: the site's)",
    )
    scan.add_argument("--rate", type=_rate, default=500.0, help="packets per second in total (default 500)")
    scan.add_argument("--deadline", type=float, metavar="SECONDS", help="stop after SECONDS")
    scan.add_argument(
        "--nic",
        "--interface",
        dest="interface",
        action="append",
        default=[],
        metavar="NIC",
        help="also search this whole network with SSDP, SLP and mDNS; eth1.123 is VLAN 123 of eth1, created only for the scan",
    )
    scan.add_argument(
        "--listen", type=float, default=0.0, metavar="SECONDS", help="listen passively for SECONDS before scanning"
    )
    scan.add_argument("--fresh", action="store_true", help="ignore saved progress and scan from the start")
    scan.add_argument("--evidence", action="store_true", help="show each fact with the packet that it came from")
    scan.add_argument("--export", choices=("csv", "instackenv", "ironic"), help="print only the list, in this format")
    scan.set_defaults(handler=_scan)


def _rate(text: str) -> float:
    rate = float(text)
    if not 1 <= rate <= 100_000:
        raise argparse.ArgumentTypeError("1 to 100000 packets per second")
    return rate


def _scan(args: argparse.Namespace) -> int:
    from seedvm.cli.scan_view import ScanView
    from seedvm.scan.identity import merged
    from seedvm.scan.run import Plan
    from seedvm.scan.state import ScanProgress
    from seedvm.site.load import load_site

    ranges = tuple(args.ranges)
    if not ranges and not args.interface:
        ranges = load_site(args.state_dir / "site.yaml").bmc.targets
    plan = Plan(ranges, tuple(args.interface), args.listen, args.rate)
    progress = ScanProgress(args.state_dir, ranges, fresh=args.fresh)
    view = ScanView(progress.bmcs.values(), quiet=args.export is not None, stream=args.json)
    ended: ScanEnd | None = None
    try:
        ended = asyncio.run(_run(args, plan, progress, view))
    except KeyboardInterrupt:
        progress.save()
    complete = ended is not None and ended.complete
    bmcs = merged(view.end(), ((mac, one.evidence) for mac, one in view.heard.items()))
    remarks = _remarks(bmcs, [*progress.remarks, *view.remarks])
    if args.json:
        _close(view, bmcs, ended, remarks)
    elif args.export:
        _export(bmcs, args.export)
    else:
        _tell(bmcs, view, args.evidence, ended, remarks)
    return EXIT_DONE if complete else EXIT_FAILED


async def _run(args: argparse.Namespace, plan: Plan, progress: ScanProgress, view: ScanView) -> ScanEnd:
    from seedvm.scan.run import cost, scan

    view.begin(await cost(plan), len(progress.done()))
    return await scan(
        plan,
        on_found=view.show,
        on_heard=view.hear,
        on_remark=view.remark,
        progress=progress,
        deadline=args.deadline,
    )


def _findings(bmc: Bmc) -> tuple[Finding, ...]:
    from seedvm.bmc.findings import wire_findings

    return wire_findings(bmc.protocols, {one.fact: one.value for one in bmc.evidence})


def _remarks(bmcs: Sequence[Bmc], others: Sequence[HostRemark]) -> list[str]:
    """All that is odd, in lines; hosts that turned out to be BMCs have theirs among their evidence."""
    from seedvm.scan.table import contradictions, remark_lines

    known = {address for one in bmcs for address in (one.address, *one.also)}
    return [*contradictions(bmcs), *remark_lines(bmcs, (one for one in others if one.address not in known))]


def _close(view: ScanView, bmcs: Sequence[Bmc], ended: ScanEnd | None, remarks: Sequence[str]) -> None:
    from seedvm.scan.identity import maker
    from seedvm.scan.layers import owner_of_mac

    measured = {"packets": ended.packets, "seconds": ended.seconds} if ended else {}
    complete = ended is not None and ended.complete
    view.close(
        bmcs,
        lambda one: {
            **one.to_json(),
            "maker": asdict(maker(one, owner_of_mac)),
            "findings": [asdict(finding) for finding in _findings(one)],
        },
        complete=complete,
        remarks=remarks,
        **measured,
    )


def _tell(bmcs: Sequence[Bmc], view: ScanView, evidence: bool, ended: ScanEnd | None, remarks: Sequence[str]) -> None:
    from seedvm.foreign.text import shown
    from seedvm.scan.table import lines_of, tagged_vlans

    for bmc in bmcs if evidence else ():
        say(" = ".join((bmc.address, *bmc.also)))
        for one in bmc.evidence:
            say(f"    {one.fact}: {shown(one.value)} ({one.source}, {one.time})")
    for mac in sorted(view.heard):
        said = "; ".join(f"{one.fact} {shown(one.value)} ({one.source})" for one in view.heard[mac].evidence)
        say(f"heard {mac}: {said}")
    if vlans := tagged_vlans(view.heard.values()):
        say(vlans)
    seen = ((bmc.address, f"{one.name}: {one.detail}; {one.cure}") for bmc in bmcs for one in _findings(bmc))
    for line in (*remarks, *lines_of(seen)):
        say(line)
    end = "" if ended and ended.complete else "; the scan did not finish: run it again to resume"
    figures = f", {ended.packets} packets in {ended.seconds:g} s" if ended else ""
    say(f"{len(bmcs)} BMCs{figures}{end}")


def _export(bmcs: Sequence[Bmc], form: str) -> None:
    from seedvm.machines.lists.entry import ListEntry
    from seedvm.machines.lists.write import write

    entries = [
        ListEntry(bmc.address, driver="redfish" if "redfish" in bmc.protocols else "ipmi")
        for bmc in bmcs
        if bmc.protocols
    ]
    say(*write(entries, form).rstrip("\n").split("\n"))
