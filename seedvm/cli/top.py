"""The command top: the running undercloud on one page, on any of its controllers."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.monitor.collect import Collector
    from seedvm.monitor.model import Overview

MEMBERS_SECONDS, CLOUD_SECONDS = 5.0, 15.0
"""How often members are read, and how often the APIs are asked, while somebody looks."""


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    top = commands.add_parser(
        "top",
        parents=[shared],
        help="watch the running undercloud, on any of its controllers; exit code with --once or --json: 0 all well, 1 something is broken",
    )
    top.add_argument("--once", action="store_true", help="print one page of plain text and end")
    top.add_argument(
        "--follow", action="store_true", help="with --json: a snapshot a line, every 5 s, until it is ended"
    )
    top.add_argument(
        "--plain", action="store_true", help="plain lines instead of full-screen: a page, then each change"
    )
    top.add_argument(
        "--web", action="store_true", help="serve the screen to browsers; only on this machine unless --listen is used"
    )
    top.add_argument("--listen", metavar="ADDR:PORT", help="address of --web (default 127.0.0.1:8000)")
    orders = top.add_mutually_exclusive_group()
    for name, does in (
        ("retry", "try a machine again that failed or was kept out"),
        ("power-on", "switch a machine on"),
        ("power-off", "switch a machine off"),
    ):
        orders.add_argument(f"--{name}", metavar="MACHINE", help=f"{does}: its name, its BMC's address or Ironic's id")
    top.add_argument("--yes", metavar="SITE", default="", help="confirm an order with the site's name")
    top.set_defaults(handler=_top)


def _top(args: argparse.Namespace) -> int:
    if args.retry or args.power_on or args.power_off:
        return _order(args)
    if not (args.once or args.json):
        from seedvm.cli.wizard import open_screen

        return open_screen(args, "--top")
    collector = _collector(args)
    return asyncio.run(_follow(collector) if args.follow else _once(collector, as_json=args.json))


def _collector(args: argparse.Namespace) -> Collector:
    from seedvm.monitor.collect import collector
    from seedvm.site.load import load_site

    try:
        site = load_site(args.state_dir / "site.yaml")
    except SeedvmError as error:
        if (args.state_dir / "site.yaml").exists():
            raise
        raise SeedvmError(
            "this machine is not a controller of an undercloud",
            why=f"there is no {args.state_dir / 'site.yaml'}",
            hint="log in to one (ssh root@ADDRESS), then: seedvm top",
        ) from error
    return collector(site, args.state_dir)


def _order(args: argparse.Namespace) -> int:
    from seedvm.cloud.connection import Cloud, CloudAccess
    from seedvm.monitor import orders

    top = _collector(args)
    if args.yes != top.site.name:
        raise SeedvmError(
            "orders need the site's name", why=f"the site is {top.site.name}", hint=f"add --yes {top.site.name}"
        )
    if top.password is None:
        raise SeedvmError("this machine has no admin login", hint="run it on a controller")
    cloud = Cloud(CloudAccess(str(top.site.provisioning.vip), top.password))
    if args.retry:
        work = orders.retry(cloud, top.site, args.retry)
    else:
        work = orders.power(cloud, top.site, args.power_on or args.power_off, "on" if args.power_on else "off")
    told = asyncio.run(work)
    answer({"told": told}) if args.json else say(told)
    return EXIT_DONE


async def _once(collector: Collector, *, as_json: bool) -> int:
    from seedvm.monitor.verdict import verdict
    from seedvm.monitor.words import page

    seen = await collector.snapshot()
    judged = verdict(seen)
    if as_json:
        answer(_tree(seen))
    else:
        say(*page(seen, judged, min(160, shutil.get_terminal_size((100, 24)).columns)))
    return EXIT_DONE if judged.well else EXIT_FAILED


async def _follow(collector: Collector) -> int:
    asked, cloud = -CLOUD_SECONDS, None
    loop = asyncio.get_running_loop()
    while not sys.stdout.closed:
        fresh = cloud is None or loop.time() - asked >= CLOUD_SECONDS
        seen = await collector.snapshot(cloud=None if fresh else cloud)
        if fresh:
            asked, cloud = loop.time(), seen.cloud
        answer(_tree(seen), indent=None)
        await asyncio.sleep(MEMBERS_SECONDS)
    return EXIT_DONE


def _tree(seen: Overview) -> dict[str, object]:
    """The snapshot for programs, with what follows from it under `verdict`."""
    from seedvm.base.typed_json import encode, encode_record
    from seedvm.monitor.verdict import verdict

    return {**encode_record(seen), "holder": seen.holder, "verdict": encode(verdict(seen))}
