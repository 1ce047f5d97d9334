"""The command status: where the site stands."""

from __future__ import annotations

import argparse

from seedvm.cli.common import EXIT_DONE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    commands.add_parser("status", parents=[shared], help="where the site stands").set_defaults(handler=_status)


def _status(args: argparse.Namespace) -> int:
    from seedvm.cli.text import status_lines
    from seedvm.engine.status import read_status

    status = read_status(args.state_dir)
    if args.json:
        answer(status.as_json())
    else:
        for line in status_lines(status):
            say(line)
    return EXIT_DONE
