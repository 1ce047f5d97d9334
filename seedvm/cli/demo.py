"""The command demo: run a complete deployment on a virtual rack on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, require_checkout, require_root, say
from seedvm.engine.stages import STEPS

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
    demo.add_argument(
        "--until",
        metavar="STEP",
        choices=STEPS,
        help="with --headless: stop before this step; seedvm plan lists the steps",
    )
    demo.set_defaults(handler=_demo)


def _demo(args: argparse.Namespace) -> int:
    require_checkout("seedvm demo")
    require_root("seedvm demo", "it makes network namespaces, mounts and loop devices")
    from seedvm.cli.text import EventLines
    from seedvm.rack.demo import Teller, run_demo

    lines = EventLines()

    def show(entry: Entry) -> None:
        line = lines.line(entry)
        if line is not None:
            say(line)

    if args.until and not args.headless:
        raise SeedvmError(
            "--until needs --headless", why="the wizard starts the engine by itself", hint="add --headless"
        )
    finished = run_demo(BUILD, headless=args.headless, tell=Teller(say, show), until=args.until)
    if not finished:
        say("the deployment did not finish; see build/demo/seed/journal.jsonl; run the same command to resume")
        return EXIT_FAILED
    if args.until:
        say(f"stopped before {args.until}; run the same command without --until to resume")
        return EXIT_DONE
    say("done: the undercloud runs without the seed; receipt: build/demo/receipt.txt, metrics: build/demo/report.json")
    return EXIT_DONE
