"""The command demo: run a complete deployment on a virtual rack on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, require_checkout, say

if TYPE_CHECKING:
    from seedvm.engine.events import Entry

BUILD = Path("build")


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    demo = commands.add_parser(
        "demo", parents=[shared], help="run a complete deployment on a virtual rack on this machine"
    )
    demo.add_argument(
        "--headless",
        action="store_true",
        help="run without the wizard; wipes the demo's virtual machines without asking",
    )
    demo.set_defaults(handler=_demo)


def _demo(args: argparse.Namespace) -> int:
    require_checkout("seedvm demo")
    from seedvm.cli.text import EventLines
    from seedvm.rack.demo import Teller, run_demo

    lines = EventLines()

    def show(entry: Entry) -> None:
        line = lines.line(entry)
        if line is not None:
            say(line)

    finished = run_demo(BUILD, headless=args.headless, tell=Teller(say, show))
    if not finished:
        say("the deployment did not finish; see build/demo/seed/journal.jsonl; run the same command to resume")
        return EXIT_FAILED
    say("done: the undercloud runs without the seed; receipt: build/demo/receipt.txt, metrics: build/demo/report.json")
    return EXIT_DONE
