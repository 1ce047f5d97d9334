"""`seedvm handoff VERB`: the operator's word on a hand-off."""

from __future__ import annotations

import argparse

from seedvm.cli import handoff_doubts, handoff_undo
from seedvm.cli.common import Commands


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    handoff = commands.add_parser(
        "handoff", parents=[shared], help="take a hand-off back before COMMIT, or accept what it could not measure"
    )
    verbs = handoff.add_subparsers(required=True, metavar="VERB")
    handoff_undo.add_verb(verbs, shared)
    handoff_doubts.add_verbs(verbs, shared)
