"""The commands about the operator's own list of machines: import, export, and machines, which shows what is known of each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say

FORMATS = ("csv", "instackenv", "ironic")


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    bring = commands.add_parser(
        "import",
        parents=[shared],
        help="take in a list of machines: CSV, instackenv.json, or YAML of `baremetal create`",
    )
    bring.add_argument("file", type=Path, help="the list; - reads it from standard input")
    bring.set_defaults(handler=_import)
    export = commands.add_parser(
        "export", parents=[shared], help="the machines that are known, as other tools read them"
    )
    export.add_argument("--format", choices=FORMATS, default="csv", help="default csv")
    export.add_argument(
        "--output", type=Path, metavar="FILE", help="write it there, readable by its owner alone (0600)"
    )
    export.add_argument("--passwords", action="store_true", help="with the BMCs' passwords; only into a file")
    export.set_defaults(handler=_export)
    shown = commands.add_parser(
        "machines", parents=[shared], help="what is known of each machine, and what its disks hold"
    )
    shown.add_argument("bmc", nargs="*", metavar="BMC", help="these alone, by the BMC's address")
    shown.set_defaults(handler=_machines)


def _import(args: argparse.Namespace) -> int:
    from seedvm.machines.import_export import take
    from seedvm.site.load import load_site

    try:
        data = sys.stdin.buffer.read() if str(args.file) == "-" else args.file.read_bytes()
    except OSError as error:
        raise SeedvmError(f"{args.file} cannot be read", why=error.strerror or str(error)) from None
    taken = take(data, args.file.name, load_site(args.state_dir / "site.yaml"), args.state_dir)
    if args.json:
        answer(vars(taken))
        return EXIT_DONE
    say(
        f"{taken.machines} machines: {len(taken.new)} new, {len(taken.changed)} changed, {len(taken.accounts)} accounts"
    )
    for bmc in taken.several:
        say(f"{bmc}: several MACs; which one it boots from it has to say itself")
    return EXIT_DONE


def _export(args: argparse.Namespace) -> int:
    from seedvm.base.files import write_private
    from seedvm.machines.formats import write
    from seedvm.machines.import_export import give

    if args.passwords and args.output is None:
        hint = "--output FILE writes them into a file that its owner alone may read"
        raise SeedvmError("passwords are not put on a terminal", why="--passwords without --output", hint=hint)
    entries = give(args.state_dir, passwords=args.passwords)
    text = write(entries, args.format, passwords=args.passwords)
    if args.output is None:
        say(text.rstrip("\n"))
    else:
        write_private(args.output, text)
        say(f"{len(entries)} machines written to {args.output}")
    return EXIT_DONE


def _machines(args: argparse.Namespace) -> int:
    from seedvm.machines.listing import lines, read_machines

    machines = read_machines(args.state_dir)
    missing = sorted(set(args.bmc) - {one["bmc"] for one in machines})
    if missing:
        raise SeedvmError(f"no machine {', '.join(missing)} is known", hint="seedvm machines lists those that are")
    wanted = [one for one in machines if not args.bmc or one["bmc"] in args.bmc]
    if args.json:
        answer({"machines": wanted})
        return EXIT_DONE
    for machine in wanted:
        for line in lines(machine):
            say(line)
    if not wanted:
        say("no machine is known yet: seedvm scan finds them, seedvm import takes a list of them")
    return EXIT_DONE
