"""The command export: export the known machines in a format that other tools read."""

from __future__ import annotations

import argparse
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, say

FORMATS = ("csv", "instackenv", "ironic")


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    export = commands.add_parser(
        "export", parents=[shared], help="export the known machines in a format that other tools read"
    )
    export.add_argument("--format", choices=FORMATS, default="csv", help="default csv")
    export.add_argument(
        "--output", type=Path, metavar="FILE", help="write to this file, readable only by its owner (mode 0600)"
    )
    export.add_argument("--passwords", action="store_true", help="include the BMCs' passwords (requires --output)")
    export.set_defaults(handler=_export)


def _export(args: argparse.Namespace) -> int:
    from seedvm.base.files import write_private
    from seedvm.machines.import_export import give
    from seedvm.machines.lists.write import write

    if args.passwords and args.output is None:
        hint = "add --output FILE; the file is readable only by its owner"
        raise SeedvmError("refusing to print passwords to the terminal", why="--passwords without --output", hint=hint)
    entries = give(args.state_dir, passwords=args.passwords)
    text = write(entries, args.format, passwords=args.passwords)
    if args.output is None:
        say(*text.rstrip("\n").split("\n"))
    else:
        write_private(args.output, text)
        say(f"{len(entries)} machines written to {args.output}")
    return EXIT_DONE
