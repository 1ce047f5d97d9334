"""The command replay: the wizard's screen on a recording."""

from __future__ import annotations

import argparse
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import Commands
from seedvm.cli.wizard import open_screen

RECORDED = Path(__file__).resolve().parents[2] / "tests/recorded/demo/journal.jsonl"


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    replay = commands.add_parser(
        "replay", parents=[shared], help="replay a recorded journal in the wizard; runs no engine"
    )
    replay.add_argument(
        "replay",
        type=Path,
        nargs="?",
        metavar="JOURNAL",
        help="a journal.jsonl; the review and receipt in its folder are shown too (with --tour by default one in the source checkout)",
    )
    replay.add_argument(
        "--tour",
        action="store_true",
        help="three minutes through a recorded first install, page by page, with captions",
    )
    replay.add_argument("--speed", type=float, help="seconds of the recording per second (default 10); 0 shows its end")
    replay.add_argument("--plain", action="store_true", help="plain lines instead of full-screen")
    replay.set_defaults(handler=_replay)


def _replay(args: argparse.Namespace) -> int:
    if args.replay is None and args.tour and RECORDED.exists():
        args.replay = RECORDED
    if args.replay is None:
        raise SeedvmError(
            "no recording was named",
            why=f"{RECORDED} is part of a source checkout only" if args.tour else "",
            hint="give a journal.jsonl: seedvm replay JOURNAL",
        )
    return open_screen(args)
