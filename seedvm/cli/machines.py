"""The commands about machines: scan."""

from __future__ import annotations

import argparse
import asyncio

from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, answer, say


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    scan = commands.add_parser("scan", parents=[shared], help="list the BMCs in ranges; no password is sent")
    scan.add_argument(
        "ranges", nargs="*", metavar="RANGE", help="a-b, a network or one address (default: the site's ranges)"
    )
    scan.set_defaults(handler=_scan)


def _scan(args: argparse.Namespace) -> int:
    from seedvm.scan.sweep import plan_sweep, sweep
    from seedvm.site import load_site

    ranges = args.ranges or [str(span) for span in load_site(args.state_dir / "site.yaml").bmc.ranges]
    budget = plan_sweep(ranges)
    if not args.json:
        say(f"asking {budget.addresses} addresses, at most {budget.seconds:g} s")
    result = asyncio.run(sweep(ranges))
    if args.json:
        answer({"complete": result.complete, "seconds": result.seconds, "bmcs": [bmc.to_json() for bmc in result.bmcs]})
        return EXIT_DONE if result.complete else EXIT_FAILED
    for bmc in result.bmcs:
        say(f"{bmc.address:<15} {' '.join(bmc.protocols)}")
        for evidence in bmc.evidence:
            say(f"    {evidence.fact}: {evidence.value} ({evidence.source})")
    say(f"{len(result.bmcs)} BMCs in {result.seconds:g} s")
    return EXIT_DONE if result.complete else EXIT_FAILED
