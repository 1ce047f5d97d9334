"""The command replay: the wizard's screen on a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from seedvm.cli.common import Commands
from seedvm.cli.wizard import open_screen


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    replay = commands.add_parser(
        "replay", parents=[shared], help="play a recorded journal on the screen; starts nothing"
    )
    replay.add_argument(
        "replay", type=Path, metavar="JOURNAL", help="a journal.jsonl; review and receipt beside it are shown too"
    )
    replay.add_argument(
        "--speed", type=float, help="how many seconds of the recording pass in one (10); 0 shows its end"
    )
    replay.add_argument("--plain", action="store_true", help="plain lines instead of a screen")
    replay.set_defaults(handler=open_screen)
