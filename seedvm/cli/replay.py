"""The command replay: the wizard's screen on a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from seedvm.cli.common import Commands
from seedvm.cli.wizard import open_screen


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    replay = commands.add_parser(
        "replay", parents=[shared], help="replay a recorded journal in the wizard; runs no engine"
    )
    replay.add_argument(
        "replay",
        type=Path,
        metavar="JOURNAL",
        help="a journal.jsonl; the review and receipt in its folder are shown too",
    )
    replay.add_argument("--speed", type=float, help="seconds of the recording per second (default 10); 0 shows its end")
    replay.add_argument("--plain", action="store_true", help="plain lines instead of full-screen")
    replay.set_defaults(handler=open_screen)
