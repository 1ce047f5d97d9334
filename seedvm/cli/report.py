"""The command report: the figures of the deployment."""

from __future__ import annotations

import argparse

from seedvm.cli.common import EXIT_DONE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    commands.add_parser(
        "report", parents=[shared], help="show timings and hand-off metrics; also writes STATE_DIR/report.json"
    ).set_defaults(handler=_report)


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
