"""The verbs of the command rack that break things and repair them: fault, faults."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.cli.common import EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.rack.injected import Injected

HEAL = ("none", "heal")
ALL = "all"
FAULTS = {
    "cut": "the cable carries nothing behind the switch; its link stays up (--wire bmc: the BMC's cable)",
    "partition": "the machines do not reach the others and the router (--from: only those; `router` is a name too)",
    "bmc-dark": "the BMC does not answer at all",
    "dead-power": "the BMC refuses to power on the machine; what runs continues",
    "power-off": "the power is cut, not by the BMC: Ironic does not know; the end of the fault powers it on",
    "reset": "the machine restarts at once, as after a short power failure; also the seed",
    "freeze": "every process stops; the kernel of a container machine still answers ARP and ping",
    "disk-full": "the file system is filled and --leave MB stay free",
    "database-kill": "MariaDB is killed once; systemd starts it again",
    "database-down": "MariaDB is killed and stays down",
}
_EPILOG = "faults:\n" + "\n".join(f"  {name:<14} {about}" for name, about in FAULTS.items())
_MORE = """

A fault lasts until `none`, until --for SECONDS have passed, or until the rack is down. cut, partition and bmc-dark survive a restart of the
machine. MACHINE is a name of the rack file, several with commas, or `all` with `none`. Only this rack is changed.
  seedvm rack fault --file rack.yaml seed cut --for 60
  seedvm rack fault --file rack.yaml m1,seed partition
  seedvm rack fault --file rack.yaml m2 disk-full --leave 10
  seedvm rack fault --file rack.yaml all none"""


def add_verbs(verbs: Commands, shared: argparse.ArgumentParser) -> None:
    fault = verbs.add_parser(
        "fault",
        parents=[shared],
        help="inject a fault into machines, or end it, while the rack runs",
        description="Inject a fault into machines while the rack runs, or end it.",
        epilog=_EPILOG + _MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fault.add_argument("--file", type=Path, required=True, help="the rack file")
    fault.add_argument("machine", help="the machine's name, the seed's, or several with commas")
    choices = (*FAULTS, *HEAL)
    fault.add_argument(
        "fault", choices=choices, metavar="FAULT", help="what happens (see below); none or heal: end its faults"
    )
    fault.add_argument("--for", type=float, dest="seconds", metavar="SECONDS", help="end it by itself after so long")
    fault.add_argument("--wire", choices=("provisioning", "bmc"), default="provisioning", help="cut: which cable")
    fault.add_argument("--from", dest="others", default="", metavar="MACHINES", help="partition: the other side")
    fault.add_argument("--leave", type=int, default=0, metavar="MB", help="disk-full: how much stays free (usually 0)")
    fault.add_argument("--path", default="/state", help="disk-full: a folder of the file system (usually /state)")
    fault.set_defaults(handler=_fault)
    faults = verbs.add_parser("faults", parents=[shared], help="list the faults that were injected and are not over")
    faults.add_argument("--file", type=Path, required=True, help="the rack file")
    faults.set_defaults(handler=_faults)


def _fault(args: argparse.Namespace) -> int:
    from seedvm.rack import inject, injected
    from seedvm.rack.model import load_rack

    spec = load_rack(args.file)
    machines = _names(args.machine)
    if args.fault in HEAL:
        over = inject.heal_machines(spec, () if machines == (ALL,) else machines)
        say(f"ended: {', '.join(one.name for one in over)}" if over else "there was no fault to end")
        return EXIT_DONE
    others, leave = _names(args.others), args.leave
    request = inject.FaultRequest(args.fault, machines, args.seconds, args.wire, others, leave, args.path)
    one = inject.inject(spec, request)
    if args.json:
        answer(_tree(one))
    else:
        say(injected.described(one))
    return EXIT_DONE


def _faults(args: argparse.Namespace) -> int:
    from seedvm.rack import injected
    from seedvm.rack.model import load_rack

    found = injected.all_of(load_rack(args.file))
    if args.json:
        answer({"faults": [_tree(one) for one in found]})
        return EXIT_DONE
    for one in found:
        say(injected.described(one))
    if not found:
        say("no fault is active")
    return EXIT_DONE


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _tree(one: Injected) -> dict[str, object]:
    return {"name": one.name, **vars(one)}
