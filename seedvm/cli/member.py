"""`seedvm member VERB`: what a controller says and does about itself. JSON in, JSON out; programs call it, not people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import Commands, answer


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    member = commands.add_parser(
        "member", parents=[shared], help="internal: run on a controller by the engine over SSH"
    )
    member.add_argument("verb", help="the verb to run; an unknown one lists all")
    member.add_argument(
        "--request", type=Path, help="file with the request (default: standard input, unless it is a terminal)"
    )
    member.set_defaults(handler=_member)


def _member(args: argparse.Namespace) -> int:
    from seedvm.member.verbs import VERBS
    from seedvm.member.verbs import answer as ask

    if args.verb not in VERBS:
        raise SeedvmError(f"unknown verb '{args.verb}'", why=f"valid verbs: {', '.join(VERBS)}")
    code, said = ask(args.verb, _request(args.request))
    answer(said)
    return code


def _request(path: Path | None) -> dict[str, object]:
    text = path.read_text() if path else "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    try:
        tree = json.loads(text or "{}")
    except ValueError as error:
        raise SeedvmError("the request is not JSON", why=str(error)) from error
    if not isinstance(tree, dict):
        raise SeedvmError("the request is not a JSON object")
    return tree
