"""The commands of the road: plan, run, status, report, wizard."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Commands, answer, fail, say
from seedvm.cli.text import EventLines, status_lines, verdict_line, verdict_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from seedvm.engine.journal import Event, Journal
    from seedvm.engine.run import Ended
    from seedvm.engine.step import Context, Step


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    plan = commands.add_parser("plan", parents=[shared], help="run every check and change nothing")
    plan.set_defaults(handler=_plan)
    run = commands.add_parser("run", parents=[shared], help="walk the road; run it again to go on after any stop")
    run.add_argument(
        "--yes-wipe", metavar="SITE", help="confirm, by the site's name, that the reviewed disks are wiped"
    )
    run.set_defaults(handler=_run)
    for part in (plan, run):
        part.add_argument("--site", type=Path, help="site file (default STATE_DIR/site.yaml)")
    commands.add_parser("status", parents=[shared], help="where the site stands").set_defaults(handler=_status)
    commands.add_parser(
        "report", parents=[shared], help="the road's figures; writes STATE_DIR/report.json"
    ).set_defaults(handler=_report)
    wizard = commands.add_parser("wizard", parents=[shared], help="the screen")
    wizard.add_argument("--plain", action="store_true", help="plain lines instead of a screen")
    wizard.add_argument("--site", type=Path, help="a site file to begin with")
    wizard.add_argument(
        "--web", action="store_true", help="in a browser, on this machine alone unless --listen says else"
    )
    wizard.add_argument(
        "--listen", metavar="ADDR:PORT", help="where --web listens (127.0.0.1:8000); elsewhere it asks for a token"
    )
    wizard.set_defaults(handler=_wizard)
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
    replay.set_defaults(handler=_wizard)


def _plan(args: argparse.Namespace) -> int:
    from seedvm.engine.run import Checked, survey
    from seedvm.engine.step import Context
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import draft_secrets

    site = load_site(args.site or args.state_dir / "site.yaml")
    secrets = draft_secrets(args.state_dir / "secrets.yaml")
    steps = _steps(Context(site, secrets, args.state_dir, args.images_dir))

    async def look() -> list[Checked]:
        seen = []
        async for checked in survey(steps):
            seen.append(checked)
            if not args.json:
                say(verdict_line(len(seen), len(steps), checked.step, checked.verdict))
        return seen

    seen = asyncio.run(look())
    if args.json:
        answer({"site": site.name, "steps": [verdict_tree(checked.step, checked.verdict) for checked in seen]})
    return EXIT_DONE


def _run(args: argparse.Namespace) -> int:
    from seedvm.engine.journal import Journal
    from seedvm.engine.lock import engine_lock
    from seedvm.engine.run import new_run_id
    from seedvm.engine.step import Context
    from seedvm.handoff.receipt import departed
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import draft_secrets, ensure_generated

    site = load_site(args.site or args.state_dir / "site.yaml")
    if args.yes_wipe is not None and args.yes_wipe != site.name:
        wrong = SeedvmError(f"--yes-wipe names {args.yes_wipe}", why=f"the site is {site.name}", hint="give its name")
        fail(wrong, args.json)
        return EXIT_USAGE
    with engine_lock(args.state_dir):
        stored = args.state_dir / "secrets.yaml"
        secrets = draft_secrets(stored) if departed(args.state_dir) else ensure_generated(stored)
        context = Context(site, secrets, args.state_dir, args.images_dir, args.yes_wipe)
        steps = _steps(context)
        journal = Journal(args.state_dir / "journal.jsonl", site.name, new_run_id(), _printer(args.json))
        with asyncio.Runner() as runner:
            code = _told(runner.run(_until_signalled(steps, journal)), context, args.json)
            sys.stdout.flush()
            os._exit(code)  # all is on the disk; a thread that still waits on the network would hold the process up


def _steps(context: Context) -> tuple[Step, ...]:
    from seedvm.plan import build_plan  # the last import: it loads OpenStack's SDK, and a wrong site is refused before

    return build_plan(context)


def _printer(as_json: bool) -> Callable[[Event], None]:
    lines = EventLines()

    def show(event: Event) -> None:
        line = lines.line(event)
        if line is not None and not as_json:
            with contextlib.suppress(OSError):  # a dead terminal stops no deployment
                say(line)

    return show


async def _until_signalled(steps: tuple[Step, ...], journal: Journal) -> Ended:
    from seedvm.engine.run import run

    task = asyncio.ensure_future(run(steps, journal))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nor does a dropped line
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def _told(ended: Ended, context: Context, as_json: bool) -> int:
    if as_json:
        answer({"site": context.site.name, "verdict": ended.verdict, "step": ended.step})
    elif ended.verdict == "done":
        say(f"site {context.site.name}: all is done")
    if ended.error is not None:
        fail(ended.error, as_json)
    return {"done": EXIT_DONE, "blocked": EXIT_BLOCKED}.get(ended.verdict, EXIT_FAILED)


def _status(args: argparse.Namespace) -> int:
    from seedvm.engine.status import read_status

    status = read_status(args.state_dir)
    if args.json:
        answer(status.as_json())
    else:
        for line in status_lines(status):
            say(line)
    return EXIT_DONE


def _report(args: argparse.Namespace) -> int:
    from seedvm.engine.report import make_report, write_report

    report = make_report(args.state_dir)
    write_report(report, args.state_dir / "report.json")
    if args.json:
        answer(report.as_json())
    else:
        for line in report.lines():
            say(line)
    return EXIT_DONE


def _wizard(args: argparse.Namespace) -> int:
    """The screen is a program of its own, for nothing here may import it; `replay` is the same screen on a recording."""
    words = ["--state-dir", str(args.state_dir), "--images-dir", str(args.images_dir)]
    for name in ("site", "replay", "speed", "listen"):
        value = getattr(args, name, None)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [f"--{name}" for name in ("plain", "web") if getattr(args, name, False)]
    os.execv(sys.executable, [sys.executable, "-m", "tui", *words])
