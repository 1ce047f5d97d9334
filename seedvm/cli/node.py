"""`seedvm node retry|replace|drop NAME`: the operator's orders for one node of the undercloud, as the screen gives them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.site.model import Site
    from seedvm.site.orders import Order
    from seedvm.site.review import Review


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    node = commands.add_parser(
        "node", parents=[shared], help="what to do with a node that failed: retry, replace, drop"
    )
    verbs = node.add_subparsers(required=True, metavar="VERB")
    retry = verbs.add_parser("retry", parents=[shared], help="try it again on its own machine")
    replace = verbs.add_parser("replace", parents=[shared], help="put a spare in its place; wipes the spare's disk")
    replace.add_argument("--by", metavar="BMC", help="the spare, by its BMC's address (default: the only one)")
    replace.add_argument("--yes-wipe", metavar="SITE", default="", help="the site's name, to allow the wiping")
    drop = verbs.add_parser("drop", parents=[shared], help="do without it; never below three nodes")
    drop.add_argument("--yes-drop", metavar="SITE", default="", help="the site's name, to allow it")
    for part, handler in ((retry, _retry), (replace, _replace), (drop, _drop)):
        part.add_argument("name", metavar="NAME", help="the node, as the screen names it: SITE-undercloud-0")
        part.set_defaults(handler=handler)


def _site(args: argparse.Namespace) -> Site:
    from seedvm.site.load import load_site

    site = load_site(args.state_dir / "site.yaml")
    if args.name not in [one.name for one in site.controllers]:
        there = ", ".join(one.name for one in site.controllers)
        raise SeedvmError(f"the site has no node {args.name}", why=f"it has {there}", hint="give one of these")
    return site


def _retry(args: argparse.Namespace) -> int:
    from seedvm.site import orders

    return _given(args, orders.retry(_site(args).name, args.name))


def _replace(args: argparse.Namespace) -> int:
    from seedvm.site import orders

    site = _site(args)
    there = orders.spares(_review(args.state_dir))
    wanted = [one for one in there if args.by in (None, one.bmc)]
    if len(wanted) != 1:
        listed = "; ".join(map(str, there)) or "none is fit and free, with one disk to be written for sure"
        raise SeedvmError(
            "no spare, or not one alone", machine=args.name, why=f"spares: {listed}", hint="name it: --by BMC"
        )
    if args.yes_wipe != site.name:
        raise SeedvmError(
            f"this wipes {wanted[0]}",
            machine=args.name,
            hint=f"to allow it: --by {wanted[0].bmc} --yes-wipe {site.name}",
        )
    return _given(args, orders.replace(site.name, args.name, wanted[0], args.yes_wipe))


def _drop(args: argparse.Namespace) -> int:
    from seedvm.base.files import write_private
    from seedvm.site import orders

    site = _site(args)
    orders.refuse_too_few(site, args.name)
    if args.yes_drop != site.name:
        raise SeedvmError(
            "the undercloud would do without it for good",
            machine=args.name,
            why=f"{len(site.controllers) - 1} controllers would be left",
            hint=f"to allow it: --yes-drop {site.name}",
        )
    path = args.state_dir / "site.yaml"
    write_private(path, orders.without(path.read_text(), args.name, args.yes_drop))
    return _told(args, f"{args.name} is dropped; it counts from the engine's next start: seedvm run")


def _given(args: argparse.Namespace, order: Order) -> int:
    from seedvm.site import orders

    orders.give(args.state_dir, order)
    return _told(args, f"ordered: {order}; an engine at work obeys it, else: seedvm run")


def _told(args: argparse.Namespace, text: str) -> int:
    if args.json:
        answer({"node": args.name, "told": text})
    else:
        say(text)
    return EXIT_DONE


def _review(state_dir: Path) -> Review:
    from seedvm.site.review import read_review

    review = read_review(state_dir)
    if review is None:
        raise SeedvmError("no spare is known", why="there is no review yet", hint="seedvm run")
    return review
