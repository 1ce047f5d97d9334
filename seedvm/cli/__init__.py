"""The command line: the only place that prints or exits. It refuses to know how anything is done.

Exit codes: 0 done; 1 failed; 2 the command or the site file is wrong; 3 blocked, the operator must do something; 4 another engine
works on the site.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from seedvm import __version__
from seedvm.base import install, trace
from seedvm.base.errors import InvalidFile, SeedvmError, in_words
from seedvm.cli import (
    adopt,
    bmc,
    bundle,
    completion,
    demo,
    export,
    handoff,
    host,
    image,
    import_list,
    machines,
    manpage,
    member,
    node,
    plan,
    rack,
    receipt,
    replay,
    report,
    run,
    scan,
    status,
    top,
    wizard,
)
from seedvm.cli.common import EXIT_BUSY, EXIT_FAILED, EXIT_USAGE, fail
from seedvm.engine.lock import EngineBusy
from seedvm.foreign.text import printable

# As `seedvm --help` lists them.
COMMANDS = (
    plan,
    run,
    status,
    top,
    report,
    wizard,
    replay,
    scan,
    bmc,
    import_list,
    export,
    machines,
    node,
    handoff,
    receipt,
    bundle,
    adopt,
    demo,
    rack,
    image,
    host,
    member,
    completion,
    manpage,
)


_START = """\
start here:
  seedvm demo        the whole way on a virtual rack, on this machine
  seedvm wizard      on the seed: describe the site, deploy it and watch it
  seedvm host check  on a laptop: what it lacks to carry the seed
  seedvm status      where a deployment stands, and what to do next"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of another alphabet is no reason to stop
    args = parser().parse_args(argv)
    # What libraries log is neither an answer nor free of secrets.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        _trace(args, sys.argv[1:] if argv is None else argv)
        return int(args.handler(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        trace.error(error, args.command)
        failure = _in_words(error)
        if failure is None:
            raise
        fail(failure, args.json)
        if isinstance(failure, InvalidFile):
            return EXIT_USAGE
        return EXIT_BUSY if isinstance(failure, EngineBusy) else EXIT_FAILED


def _in_words(error: Exception) -> SeedvmError | None:
    """An error that an operator can act on; None for one that only a developer can."""
    if isinstance(error, SeedvmError):
        return error
    if isinstance(error, OSError):
        return in_words(error)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in ("seedvm", "tui"):
        return SeedvmError(
            f"the Python package {error.name} is not installed",
            why="this command needs it",
            hint=install.package(error.name or ""),
        )
    return None


class _Parser(argparse.ArgumentParser):
    """A parser whose errors quote the command line and do not act on the terminal: an argument may come from a script."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The parser of every command, for those who run, complete or document it. It loads no library."""
    parser = _Parser(
        prog="seedvm",
        description="Deploys OpenStack on bare metal, from a rack of powered-off machines to a\ncloud that runs without this seed.",
        parents=[_shared()],
        epilog=_START,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seedvm {__version__}")
    parser.set_defaults(
        state_dir=Path("/var/lib/seedvm"), images_dir=Path("/srv/seedvm/images"), json=False, trace=False
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    shared = _shared()  # one of its own: the defaults just set stay with the main parser
    for command in COMMANDS:
        command.add_command(commands, shared)
    return parser


def _trace(args: argparse.Namespace, argv: Sequence[str]) -> None:
    """Begin a trace where one is wanted: by the option in the state folder, by SEEDVM_TRACE in the file that it names."""
    named = os.environ.get(trace.VARIABLE)
    if args.trace or named:
        trace.begin(Path(named) if named else args.state_dir / trace.NAME, ["seedvm", *argv])


def _shared() -> argparse.ArgumentParser:
    """Options that may stand before or after the command; unset they say nothing."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--state-dir", type=Path, help="folder with the site's state (default /var/lib/seedvm)")
    shared.add_argument("--images-dir", type=Path, help="folder with the images (default /srv/seedvm/images)")
    shared.add_argument("--json", action="store_true", help="print JSON")
    shared.add_argument(
        "--trace", action="store_true", help="record every process, API call and BMC command in STATE_DIR/trace.jsonl"
    )
    return shared
