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
    node = commands.add_parser("node", parents=[shared], help="retry, replace or drop a node that failed")
    verbs = node.add_subparsers(required=True, metavar="VERB")
    retry = verbs.add_parser("retry", parents=[shared], help="deploy the node again on the same machine")
    retry.add_argument(
        "--yes-wipe",
        metavar="SITE",
        default="",
        help="also a node that runs, with the newest golden image; confirm wiping its disk with the site's name",
    )
    replace = verbs.add_parser(
        "replace", parents=[shared], help="deploy the node on a spare machine; wipes the spare's disk"
    )
    replace.add_argument("--by", metavar="BMC", help="the spare, by its BMC's address (default: the only spare)")
    replace.add_argument("--yes-wipe", metavar="SITE", default="", help="confirm wiping the disk with the site's name")
    drop = verbs.add_parser(
        "drop", parents=[shared], help="remove the node from the site; at least three nodes must remain"
    )
    drop.add_argument("--yes-drop", metavar="SITE", default="", help="confirm with the site's name")
    for part, handler in ((retry, _retry), (replace, _replace), (drop, _drop)):
        part.add_argument("name", metavar="NAME", help="the node, as the wizard shows it: SITE-undercloud-0")
        part.set_defaults(handler=handler)


def _site(args: argparse.Namespace) -> Site:
    from seedvm.site.load import load_site

    site = load_site(args.state_dir / "site.yaml")
    if args.name not in [one.name for one in site.controllers]:
        there = ", ".join(one.name for one in site.controllers)
        raise SeedvmError(
            f"the site has no node {args.name}", why=f"its nodes are {there}", hint="use one of these names"
        )
    return site


def _retry(args: argparse.Namespace) -> int:
    from seedvm.site import orders

    return _given(args, orders.retry(_site(args).name, args.name, args.yes_wipe))


def _replace(args: argparse.Namespace) -> int:
    from seedvm.site import orders

    site = _site(args)
    there = orders.spares(_review(args.state_dir))
    wanted = [one for one in there if args.by in (None, one.bmc)]
    if len(wanted) != 1:
        listed = "; ".join(map(str, there)) or "no fit and free machine with exactly one known root disk"
        raise SeedvmError(
            "the spare cannot be chosen", machine=args.name, why=f"spares: {listed}", hint="choose one spare: --by BMC"
        )
    if args.yes_wipe != site.name:
        raise SeedvmError(
            f"this would wipe {wanted[0]}",
            machine=args.name,
            hint=f"to confirm, use --by {wanted[0].bmc} --yes-wipe {site.name}",
        )
    return _given(args, orders.replace(site.name, args.name, wanted[0], args.yes_wipe))


def _drop(args: argparse.Namespace) -> int:
    from seedvm.base.files import write_private
    from seedvm.site import orders

    site = _site(args)
    orders.refuse_too_few(site, args.name)
    if args.yes_drop != site.name:
        raise SeedvmError(
            "this would permanently remove the node from the undercloud",
            machine=args.name,
            why=f"{len(site.controllers) - 1} controllers would remain",
            hint=f"to confirm, use --yes-drop {site.name}",
        )
    path = args.state_dir / "site.yaml"
    write_private(path, orders.without(path.read_text(), args.name, args.yes_drop))
    return _told(args, f"{args.name} has been dropped; this takes effect when the engine starts again: seedvm run")


def _given(args: argparse.Namespace, order: Order) -> int:
    from seedvm.site import orders

    orders.give(args.state_dir, order)
    return _told(args, f"requested: {order}; a running engine carries it out, otherwise start one: seedvm run")


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
        raise SeedvmError(
            "no spare is known", why="the machines have not been reviewed yet", hint="start the deployment: seedvm run"
        )
    return review
