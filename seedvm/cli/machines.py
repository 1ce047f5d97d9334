"""The command machines: what is known of each machine."""

from __future__ import annotations

import argparse

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    shown = commands.add_parser("machines", parents=[shared], help="show each known machine and what its disks hold")
    shown.add_argument("bmc", nargs="*", metavar="BMC", help="show only these, by the BMC's address")
    shown.set_defaults(handler=_machines)


def _machines(args: argparse.Namespace) -> int:
    from seedvm.machines.listing import lines, read_machines

    machines = read_machines(args.state_dir)
    missing = sorted(set(args.bmc) - {one.known.bmc for one in machines})
    if missing:
        raise SeedvmError(f"no machine {', '.join(missing)} is known", hint="choose one that seedvm machines lists")
    wanted = [one for one in machines if not args.bmc or one.known.bmc in args.bmc]
    if args.json:
        answer({"machines": [one.tree() for one in wanted]})
        return EXIT_DONE
    for machine in wanted:
        for line in lines(machine):
            say(line)
    if not wanted:
        say("no machine is known yet: find machines with seedvm scan, or import a list with seedvm import")
    return EXIT_DONE
