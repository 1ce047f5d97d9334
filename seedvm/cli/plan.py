"""The command plan: check every step and change nothing."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from seedvm.cli.common import EXIT_DONE, Commands, answer, say, steps_of


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    plan = commands.add_parser("plan", parents=[shared], help="check every step and change nothing")
    plan.add_argument("--site", type=Path, help="site file (default STATE_DIR/site.yaml)")
    plan.set_defaults(handler=_plan)


def _plan(args: argparse.Namespace) -> int:
    from seedvm.cli.text import verdict_line, verdict_tree
    from seedvm.engine.run import Checked, survey
    from seedvm.engine.step import Context
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import draft_secrets

    site = load_site(args.site or args.state_dir / "site.yaml")
    secrets = draft_secrets(args.state_dir / "secrets.yaml")
    steps = steps_of(Context(site, secrets, args.state_dir, args.images_dir))

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
