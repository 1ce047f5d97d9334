"""The commands about machines: scan."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.cli.scanview import ScanView
    from seedvm.scan.evidence import Bmc
    from seedvm.scan.listen import Neighbour


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    scan = commands.add_parser("scan", parents=[shared], help="list the BMCs in ranges; no password is sent")
    scan.add_argument(
        "ranges", nargs="*", metavar="RANGE", help="a-b, a network or one address (default: the site's ranges)"
    )
    scan.add_argument("--rate", type=float, default=500.0, help="packets per second in all (default 500)")
    scan.add_argument("--deadline", type=float, metavar="SECONDS", help="stop after so long")
    scan.add_argument("--interface", action="append", default=[], metavar="NIC", help="search on this wire by SSDP too")
    scan.add_argument("--listen", type=float, metavar="SECONDS", help="listen silently on the NICs first")
    scan.add_argument("--evidence", action="store_true", help="each fact with the packet that it came from")
    scan.add_argument("--export", choices=("csv", "instackenv", "ironic"), help="print the list in this format alone")
    scan.set_defaults(handler=_scan)


def _scan(args: argparse.Namespace) -> int:
    from seedvm.cli.scanview import ScanView
    from seedvm.scan.sweep import plan_sweep
    from seedvm.site import load_site

    ranges = args.ranges
    if not ranges and not args.interface:
        ranges = list(load_site(args.state_dir / "site.yaml").bmc.targets)
    quiet = args.json or args.export is not None
    budget = plan_sweep(ranges, rate=args.rate)
    if not quiet:
        say(f"asking {budget.addresses} addresses: at most {budget.packets} packets in {budget.seconds:g} s")
    view = ScanView(quiet=quiet)
    neighbours: list[Neighbour] = []
    try:
        complete = asyncio.run(_find(args, ranges, view, neighbours))
    except KeyboardInterrupt:
        complete = False
    bmcs = view.end()
    if args.json:
        answer(
            {
                "complete": complete,
                "bmcs": [bmc.to_json() for bmc in bmcs],
                "neighbours": [one.to_json() for one in neighbours],
            }
        )
    elif args.export:
        _export(bmcs, args.export)
    else:
        _tell(bmcs, neighbours, args.evidence, complete)
    return EXIT_DONE if complete else EXIT_FAILED


async def _find(args: argparse.Namespace, ranges: list[str], view: ScanView, neighbours: list[Neighbour]) -> bool:
    """Silence first, then multicast, then the ranges; whether it came to its end."""
    from seedvm.scan.listen import listen
    from seedvm.scan.multicast import search
    from seedvm.scan.pace import Pace
    from seedvm.scan.sweep import sweep

    if args.listen:
        for heard in await asyncio.gather(*(listen(nic, seconds=args.listen) for nic in args.interface)):
            neighbours += heard
    if args.interface:
        await search(args.interface, pace=Pace(args.rate), on_found=view.show)
    if not ranges:
        return True
    return (await sweep(ranges, rate=args.rate, on_found=view.show, deadline=args.deadline)).complete


def _tell(bmcs: tuple[Bmc, ...], neighbours: list[Neighbour], evidence: bool, complete: bool) -> None:
    from seedvm.scan.table import contradictions

    for bmc in bmcs if evidence else ():
        say(bmc.address)
        for one in bmc.evidence:
            say(f"    {one.fact}: {one.value} ({one.source}, {one.time})")
    for neighbour in neighbours:
        said = "; ".join(f"{one.fact} {one.value} ({one.source})" for one in neighbour.evidence)
        say(f"heard {neighbour.mac}: {said}")
    for remark in contradictions(bmcs):
        say(remark)
    say(f"{len(bmcs)} BMCs{'' if complete else '; the scan did not come to its end'}")


def _export(bmcs: tuple[Bmc, ...], form: str) -> None:
    from seedvm.scan.inventory_formats import Entry, write

    entries = [
        Entry(bmc.address, driver="redfish" if "redfish" in bmc.protocols else "ipmi") for bmc in bmcs if bmc.protocols
    ]
    say(write(entries, form).rstrip("\n"))
