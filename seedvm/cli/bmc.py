"""The command bmc: the accounts of the BMCs, tested or rotated; and a machine's location light."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Commands, answer, fail, say

if TYPE_CHECKING:
    from seedvm.base.json_tree import JSON
    from seedvm.engine.step import Context
    from seedvm.machines.each import MachineRemark
    from seedvm.machines.inventory import KnownMachine
    from seedvm.steps.rotate import RotateStep


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    bmc = commands.add_parser(
        "bmc", parents=[shared], help="test or rotate the accounts of the BMCs, or find a machine by its light"
    )
    verbs = bmc.add_subparsers(required=True, metavar="VERB")
    test = verbs.add_parser("test", parents=[shared], help="check that each proven account can still log in")
    test.set_defaults(handler=_test)
    rotate = verbs.add_parser(
        "rotate",
        parents=[shared],
        help="set a new password on every BMC; each is verified before the old one is discarded",
    )
    rotate.add_argument("--yes", metavar="SITE", help="confirm with the site's name instead of being asked")
    rotate.set_defaults(handler=_rotate)
    blink = verbs.add_parser(
        "blink", parents=[shared], help="blink the location light of one machine; it stops by itself"
    )
    blink.add_argument("address", metavar="ADDRESS", help="the BMC's address, or the machine's name")
    blink.add_argument("--seconds", type=int, default=30, help="1 to 255 (default 30)")
    blink.set_defaults(handler=_blink)
    for part in (test, rotate):
        part.add_argument(
            "addresses", nargs="*", metavar="ADDRESS", help="BMC addresses (default: all with a proven account)"
        )


@dataclass
class _Lines:
    """A report that is printed; the passwords themselves are never in it."""

    quiet: bool
    done: dict[str, str] = field(default_factory=dict)

    def log(self, message: str, *, node: str | None = None) -> None:
        self._tell(node or "", message)

    def progress(self, done: float, total: float, unit: str = "") -> None:
        return

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None:
        self._tell(node, detail)

    def fact(self, name: str, value: JSON) -> None:
        return

    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        """No stack here."""

    def phase(self, phase: str, state: str, detail: str = "") -> None:
        return

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None:
        return

    def _tell(self, node: str, text: str) -> None:
        self.done[node] = text
        if not self.quiet:
            say(f"{node:<15} {text}")


def _test(args: argparse.Namespace) -> int:
    from seedvm.bmc.clients import BmcPorts, expired, opens
    from seedvm.bmc.ledger import Ledger
    from seedvm.bmc.rate_limit import RateLimit
    from seedvm.machines.each import each
    from seedvm.site.secrets_file import load_proven
    from seedvm.steps.rotate import RotateStep

    context = _context(args)
    proven = load_proven(args.state_dir / "secrets.yaml")
    ledger, pace = Ledger(args.state_dir), RateLimit(args.state_dir)
    ports = BmcPorts(old_tls=context.site.bmc.allow_old_tls)

    machines = _known(args, RotateStep(context))
    said = {machine.bmc: "" for machine in machines}

    async def one(machine: KnownMachine) -> None:
        opened = await opens(machine, proven[machine.bmc], ledger, pace, ports)
        text = "opens" if opened else "no longer opens"
        if opened and expired(machine):
            text = f"opens, but the BMC requires a new password: seedvm bmc rotate {machine.bmc}"
        said[machine.bmc] = text

    async def fell(machine: KnownMachine, remark: MachineRemark) -> None:
        said[machine.bmc] = f"unknown: {remark.reason}. To fix: {remark.cure}"

    asyncio.run(each(machines, one, fell, where="bmc test", at_once=64))
    if args.json:
        answer(said)
    else:
        for address, text in said.items():
            say(f"{address:<15} {text}")
    return EXIT_DONE if said and all(text == "opens" for text in said.values()) else EXIT_FAILED


def _rotate(args: argparse.Namespace) -> int:
    from seedvm.engine.lock import engine_lock
    from seedvm.steps.rotate import RotateStep

    context = _context(args)
    with engine_lock(args.state_dir):
        step = RotateStep(context, only=args.addresses, again=True)
        machines = _known(args, step)
        if not args.json:
            say(f"New passwords will be set on {len(machines)} BMCs of {context.site.name}:")
            for machine in machines:
                model = " ".join(one for one in (machine.vendor, machine.model, machine.serial) if one)
                say(f"  {machine.bmc:<15} {machine.proven_user:<16} {model}".rstrip())
        if not _confirmed(args, context.site.name):
            wrong = SeedvmError(
                "nothing was changed", why="the site's name was not given", hint="type it, or use --yes SITE"
            )
            fail(wrong, args.json)
            return EXIT_USAGE
        lines = _Lines(args.json)
        try:
            asyncio.run(step.apply(lines))
        finally:
            told = _handed_to_the_nodes(context)
            if args.json:
                answer(lines.done)
    if not args.json:
        say(f"The new passwords are in secrets.yaml under 'proven'. {told}")
    return EXIT_DONE


def _handed_to_the_nodes(context: Context) -> str:
    """Once the controllers keep the site they are given it again, as it is now; what became of that, and what else to do, in words."""
    from dataclasses import replace

    from seedvm.handoff import kept
    from seedvm.handoff.members import Members
    from seedvm.site.sealed import FILE
    from seedvm.site.secrets_file import load_secrets

    if not (context.state_dir / FILE).exists():
        return "They are nowhere else: save them (seedvm bundle site)."
    now = replace(context, secrets=load_secrets(context.state_dir / "secrets.yaml"))
    try:
        heard = asyncio.run(kept.keep(Members.of(now)))
    except SeedvmError as error:
        return f"The controllers do not have them yet ({error.what}): save them (seedvm bundle site), or run again."
    late = f"; not {', '.join(heard.silent)}, which the next run gives them" if heard.silent else ""
    return f"The controllers keep them, sealed{late}."


def _blink(args: argparse.Namespace) -> int:
    from seedvm.bmc.clients import BmcPorts
    from seedvm.bmc.led import blink
    from seedvm.bmc.ledger import Ledger
    from seedvm.bmc.rate_limit import RateLimit
    from seedvm.machines import inventory
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import load_proven

    known = inventory.load(args.state_dir).machines
    machine = next((one for one in known if args.address in (one.bmc, one.name)), None)
    pair = load_proven(args.state_dir / "secrets.yaml").get(machine.bmc) if machine else None
    if machine is None or pair is None:
        why = "no account is proven for it" if machine else "no machine of that address or name is known"
        raise SeedvmError(
            "the light cannot be switched", machine=args.address, why=why, hint="seedvm machines lists them"
        )
    ports = BmcPorts(old_tls=load_site(args.state_dir / "site.yaml").bmc.allow_old_tls)

    async def began(way: str) -> None:
        if args.json:
            answer({"bmc": machine.bmc, "seconds": args.seconds, "by": way})
        else:
            say(f"{machine.bmc} blinks for {args.seconds} s ({way})")
        sys.stdout.flush()

    async def whole() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGHUP):  # the light does not stay on after us
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        ledger, pace = Ledger(args.state_dir), RateLimit(args.state_dir)
        with contextlib.suppress(asyncio.CancelledError):
            await blink(machine, pair, ledger, pace, ports, seconds=args.seconds, began=began)

    asyncio.run(whole())
    return EXIT_DONE


def _confirmed(args: argparse.Namespace, site: str) -> bool:
    if args.yes is not None or args.json or not sys.stdin.isatty():
        return bool(args.yes == site)
    say(f"Type {site} to continue:")
    return sys.stdin.readline().strip() == site


def _known(args: argparse.Namespace, step: RotateStep) -> list[KnownMachine]:
    """The machines that are meant; an address that is none of them is an error."""
    machines = [one for one in step.machines() if not args.addresses or one.bmc in args.addresses]
    lacking = sorted(set(args.addresses) - {one.bmc for one in machines})
    if lacking or not machines:
        raise SeedvmError(
            f"no proven account is known for {', '.join(lacking) or 'any BMC'}",
            why="only BMCs with a proven account are changed",
            hint="run seedvm run to find the BMCs and prove their accounts; seedvm machines lists them",
        )
    return machines


def _context(args: argparse.Namespace) -> Context:
    from seedvm.engine.step import Context
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import load_secrets

    site = load_site(args.state_dir / "site.yaml")
    return Context(site, load_secrets(args.state_dir / "secrets.yaml"), args.state_dir, args.images_dir)
