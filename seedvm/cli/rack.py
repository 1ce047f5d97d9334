"""The command rack: a virtual rack at the operator's desk."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from seedvm.cli import rack_faults
from seedvm.cli.common import EXIT_DONE, EXIT_USAGE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("rack", parents=[shared], help="run a virtual rack: networks, BMCs and machines")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, handler, text in (
        ("up", _rack_up, "start the rack; its machines are powered off, the seed is on"),
        ("status", _rack_status, "show the state of each machine"),
        ("down", _rack_down, "power off and remove the rack; its disks and logs are kept"),
        ("saved", _rack_saved, "list what was saved of the rack"),
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
    rack_faults.add_verbs(verbs, shared)
    for name, handler, text in (
        ("save", _rack_save, "keep the rack's disks and the seed's state under a name; what runs is paused meanwhile"),
        ("restore", _rack_restore, "bring a saved rack back and power on what was on; what happened since is lost"),
    ):
        verb = verbs.add_parser(name, parents=[shared], help=text)
        verb.add_argument("--file", type=Path, required=True, help="the rack file")
        verb.add_argument("name", help="the saved rack's name")
        verb.set_defaults(handler=handler)
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
        more = [f"next boot {one.boot_device}"] if one.boot_device else []
        more += [f"fault: {', '.join(one.faults)}"] if one.faults else []
        power = f"{one.name:<12} {one.power:<4} {one.where:<9} {one.pss_mib:7.0f} MiB  {one.reboots} reboots"
        say("  ".join(["", power, *more]))
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


def _rack_save(args: argparse.Namespace) -> int:
    from seedvm.rack import saved
    from seedvm.rack.model import load_rack

    one = saved.save(load_rack(args.file), args.name, on_progress=say)
    say(f"saved as {one.name}: restore it with seedvm rack restore --file {args.file} {one.name}")
    return EXIT_DONE


def _rack_restore(args: argparse.Namespace) -> int:
    from seedvm.rack import saved
    from seedvm.rack.model import load_rack

    one = saved.restore(load_rack(args.file), args.name, on_progress=say)
    say(f"the rack is as it was saved in {one.name}")
    return EXIT_DONE


def _rack_saved(args: argparse.Namespace) -> int:
    from seedvm.rack import saved
    from seedvm.rack.model import load_rack

    found = saved.saved(load_rack(args.file))
    if args.json:
        answer({"saved": [vars(one) | {"machines": [vars(machine) for machine in one.machines]} for one in found]})
        return EXIT_DONE
    for one in found:
        running = ", ".join(machine.name for machine in one.machines if machine.on) or "nothing"
        say(f"{one.name}: {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(one.time))}, on: {running}")
    if not found:
        say("no rack is saved")
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
