"""The command line: the only place that prints or exits. It refuses to know how anything is done.

Exit codes: 0 done; 1 failed; 2 the command or the site file is wrong; 3 blocked, the operator must do something; 4 another engine
works on the site.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from seedvm import __version__
from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.cli import (
    bmc,
    completion,
    demo,
    export,
    host,
    image,
    import_list,
    machines,
    manpage,
    member,
    node,
    plan,
    rack,
    replay,
    report,
    run,
    scan,
    status,
    wizard,
)
from seedvm.cli.common import EXIT_BUSY, EXIT_FAILED, EXIT_USAGE, fail
from seedvm.engine.lock import EngineBusy

# As `seedvm --help` lists them.
COMMANDS = (
    plan,
    run,
    status,
    report,
    wizard,
    replay,
    scan,
    bmc,
    import_list,
    export,
    machines,
    node,
    demo,
    rack,
    image,
    host,
    member,
    completion,
    manpage,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = parser().parse_args(argv)
    # What libraries log is neither an answer nor free of secrets.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        return int(args.handler(args))
    except InvalidFile as error:
        fail(error, args.json)
        return EXIT_USAGE
    except SeedvmError as error:
        fail(error, args.json)
        return EXIT_BUSY if isinstance(error, EngineBusy) else EXIT_FAILED
    except ModuleNotFoundError as error:
        fail(_not_installed(error), args.json)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def parser() -> argparse.ArgumentParser:
    """The parser of every command, for those who run, complete or document it. It loads no library."""
    parser = argparse.ArgumentParser(
        prog="seedvm",
        description="From a rack of dark machines to an OpenStack that stands alone.",
        parents=[_shared()],
    )
    parser.add_argument("--version", action="version", version=f"seedvm {__version__}")
    parser.set_defaults(state_dir=Path("/var/lib/seedvm"), images_dir=Path("/srv/seedvm/images"), json=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = _shared()  # one of its own: the defaults just set stay with the main parser
    for command in COMMANDS:
        command.add_command(commands, shared)
    return parser


def _not_installed(error: ModuleNotFoundError) -> SeedvmError:
    if (error.name or "").partition(".")[0] in ("seedvm", "tui"):
        raise error
    return SeedvmError(
        f"the Python package {error.name} is not installed",
        why="this command needs it",
        hint="pip install 'seedvm[rack]' for the virtual rack and images, 'seedvm[host]' for libvirt, seedvm for the rest",
    )


def _shared() -> argparse.ArgumentParser:
    """Options that may stand before or after the command; unset they say nothing."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--state-dir", type=Path, help="state of the site (default /var/lib/seedvm)")
    shared.add_argument("--images-dir", type=Path, help="images (default /srv/seedvm/images)")
    shared.add_argument("--json", action="store_true", help="answer in JSON")
    return shared
