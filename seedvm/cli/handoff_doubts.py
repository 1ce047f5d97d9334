"""`seedvm handoff doubts | accept NAME...`: what a hand-off could not measure any more, and the operator's word on it."""

from __future__ import annotations

import argparse
import getpass
import os
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.site.receipt import Statement


def add_verbs(verbs: Commands, shared: argparse.ArgumentParser) -> None:
    doubts = verbs.add_parser(
        "doubts", parents=[shared], help="list what could not be measured; exit code 3 while one is open"
    )
    doubts.set_defaults(handler=_doubts)
    accept = verbs.add_parser(
        "accept", parents=[shared], help="accept a doubt by its name; the receipt signs who did so and when"
    )
    accept.add_argument(
        "name", metavar="NAME", nargs="+", help="the doubt's name, as the receipt and the wizard show it"
    )
    accept.add_argument("--by", metavar="WHO", default="", help="who accepts it (default: the user who is logged in)")
    accept.set_defaults(handler=_accept)


def _doubts(args: argparse.Namespace) -> int:
    from seedvm.base.typed_json import encode

    said = _statement(args)
    words = {word.name: word for word in said.accepted}
    if args.json:
        answer({"verdict": said.verdict, "doubts": encode(said.doubts), "accepted": encode(said.accepted)})
    else:
        say(said.verdict)
        for one in said.doubts:
            word = words.get(one.name)
            say(f"{one.name}: {one.what}")
            say(f"    {one.why}")
            say(f"    accepted by {word.by} at {word.time}" if word else f"    {one.hint}")
    return EXIT_BLOCKED if said.open else EXIT_DONE


def _accept(args: argparse.Namespace) -> int:
    from seedvm.base.typed_json import encode
    from seedvm.site import doubts

    said, who = _statement(args), args.by or os.environ.get("SUDO_USER") or getpass.getuser()
    given = [doubts.accept(args.state_dir, said.doubts, name, by=who, attempt=said.attempt) for name in args.name]
    if args.json:
        answer({"accepted": encode(given)})
        return EXIT_DONE
    for word in given:
        say(f"accepted by {word.by}: {word.name} ({word.what})")
    say("the next run signs it into the receipt: seedvm run")
    return EXIT_DONE


def _statement(args: argparse.Namespace) -> Statement:
    """What this site's genuine receipt says."""
    from seedvm.site import receipt
    from seedvm.site.load import load_site

    if not (args.state_dir / receipt.FILE).exists():
        raise SeedvmError(
            "no doubts are known yet", why="the hand-off has written no receipt", hint="finish the hand-off: seedvm run"
        )
    return receipt.trusted(args.state_dir, load_site(args.state_dir / "site.yaml").name)
