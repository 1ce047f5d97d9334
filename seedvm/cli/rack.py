"""The command rack: a virtual rack at the operator's desk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedvm.cli.common import EXIT_DONE, EXIT_USAGE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("rack", parents=[shared], help="run a virtual rack: networks, BMCs and machines")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, handler, text in (
        ("up", _rack_up, "start the rack; its machines are powered off, the seed is on"),
        ("status", _rack_status, "show the state of each machine"),
        ("down", _rack_down, "power off and remove the rack; its disks and logs are kept"),
        ("exec", _rack_exec, "run a command on a running machine, in this terminal"),
    ):
        verb = verbs.add_parser(name, parents=[shared], help=text)
        verb.add_argument("--file", type=Path, required=True, help="the rack file")
        verb.set_defaults(handler=handler)
        if name == "exec":
            verb.add_argument("machine", help="the machine's name, or seed")
            verb.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the command to run")
    power = verbs.add_parser("power", parents=[shared], help="switch a machine's power through its BMC")
    power.add_argument("--file", type=Path, required=True, help="the rack file")
    power.add_argument("machine", help="the machine's name")
    power.add_argument("action", choices=("on", "off", "reset"), help="what its BMC is asked to do")
    power.set_defaults(handler=_rack_power)
    fault = verbs.add_parser(
        "fault", parents=[shared], help="inject a fault into a machine, or clear it, while the rack runs"
    )
    fault.add_argument("--file", type=Path, required=True, help="the rack file")
    fault.add_argument("machine", help="the machine's name")
    fault.add_argument(
        "fault", choices=("dead-power", "none"), help="dead-power: the BMC refuses to power on; none: clear the fault"
    )
    fault.set_defaults(handler=_rack_fault)
    clean = verbs.add_parser("clean", parents=[shared], help="remove this checkout's racks with their disks and logs")
    clean.add_argument("--all", action="store_true", help="also remove racks that were started from other folders")
    clean.add_argument("--yes", action="store_true", help="do not ask")
    clean.set_defaults(handler=_rack_clean)


def _rack_up(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import load_rack

    rack.up(load_rack(args.file), on_progress=say)
    return EXIT_DONE


def _rack_status(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import load_rack

    found = rack.status(load_rack(args.file))
    if args.json:
        answer({"rack": found.rack, "up": found.up, "machines": {one.name: vars(one) for one in found.machines}})
        return EXIT_DONE
    say(f"rack {found.rack}: {'up' if found.up else 'down'}")
    for one in found.machines:
        boot = f"next boot {one.boot_device}" if one.boot_device else ""
        say(
            f"  {one.name:<12} {one.power:<4} {one.where:<9} {one.pss_mib:7.0f} MiB  {one.reboots} reboots  {boot}".rstrip()
        )
    return EXIT_DONE


def _rack_down(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import load_rack

    rack.down(load_rack(args.file))
    return EXIT_DONE


def _rack_exec(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import load_rack

    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    return rack.attach(load_rack(args.file), args.machine, words or ["bash", "-l"])


def _rack_power(args: argparse.Namespace) -> int:
    from seedvm.rack.model import load_rack
    from seedvm.rack.press import press

    press(load_rack(args.file), args.machine, args.action)
    return EXIT_DONE


def _rack_fault(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import load_rack

    rack.set_supply(load_rack(args.file), args.machine, dead=args.fault == "dead-power")
    return EXIT_DONE


def _rack_clean(args: argparse.Namespace) -> int:
    from seedvm.rack import rack
    from seedvm.rack.model import STATE

    found = rack.on_host()
    wanted = [one for one in found if args.all or one.of(STATE)]
    for one in found:
        what = "will be removed with its disks and logs" if one in wanted else "stays; remove it too with --all"
        say(f"rack {one.name} ({one.folder or 'no folder is known'}) {what}")
    if wanted and not args.yes and sys.stdin.isatty():
        say("Type yes to continue:")
        if sys.stdin.readline().strip() != "yes":
            say("nothing was removed")
            return EXIT_USAGE
    rack.clean(wanted)
    for one in wanted:
        say(f"rack {one.name} has been removed")
    return EXIT_DONE
