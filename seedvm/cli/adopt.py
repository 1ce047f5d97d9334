"""`seedvm adopt VIP`: a fresh seed takes up, from the controllers, the hand-off of a seed that is lost for good."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, EXIT_USAGE, Commands, answer, fail, say

if TYPE_CHECKING:
    from seedvm.handoff.adopt import Authority, Found

_CONTROLLER = "handoff.jsonl"


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    adopt = commands.add_parser(
        "adopt",
        parents=[shared],
        help="on a fresh seed: take up the hand-off of a seed that is permanently lost, from the controllers",
    )
    adopt.add_argument("vip", metavar="VIP", help="the site's virtual address, at which a controller answers")
    adopt.add_argument("--key-file", type=Path, metavar="FILE", help="read the recovery key from this file")
    adopt.add_argument(
        "--seed-is-lost", metavar="SITE", help="confirm with the site's name that its first seed will never run again"
    )
    adopt.add_argument(
        "--address",
        type=IPv4Interface,
        metavar="ADDRESS/PREFIX",
        help="give this machine an address in the VIP's network",
    )
    adopt.add_argument(
        "--interface", metavar="NIC", help="the interface on the provisioning network (default: as in the site)"
    )
    adopt.set_defaults(handler=_adopt)


def _adopt(args: argparse.Namespace) -> int:
    from seedvm.engine.lock import engine_lock
    from seedvm.handoff.adopt import take_up

    _refuse_here(args.state_dir, args.vip)
    args.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with engine_lock(args.state_dir):
        authority = _authority(args)
        found = asyncio.run(_look(args, authority))
        if not args.json:
            for line in _told(found):
                say(line)
        if not _confirmed(args, found.site):
            wrong = SeedvmError(
                "nothing was changed",
                why="the site's name was not given",
                hint="type it, or use --seed-is-lost SITE, once the first seed is permanently off",
            )
            fail(wrong, args.json)
            return EXIT_USAGE
        asyncio.run(take_up(found, args.state_dir))
    if args.json:
        answer(
            {
                "site": found.site,
                "last": found.last,
                "committed": found.committed,
                "vip": found.holder,
                "silent": list(found.silent),
            }
        )
        return EXIT_DONE
    say(f"This machine is the seed of {found.site} now, one that has handed over: it starts no service.")
    say("Keep the first laptop off this network permanently. Then complete the hand-off: seedvm run")
    return EXIT_DONE


def _refuse_here(state_dir: Path, vip: str) -> None:
    """This machine must be nothing to the site yet, or have begun to take it up."""
    from seedvm.controller import handed_over
    from seedvm.controller.local_data import LOCAL_DATA
    from seedvm.handoff.adopt import adopted
    from seedvm.site.load import load_site

    if (state_dir / _CONTROLLER).exists():
        raise SeedvmError(
            "this machine is a controller", why="it keeps its own record", hint="run it on a laptop's seed"
        )
    if (state_dir / "receipt.json").exists():
        raise SeedvmError("this seed has a receipt: nothing is to be taken up", hint="look at it: seedvm status")
    if LOCAL_DATA.exists():
        raise SeedvmError(
            "this machine is a seed with services of its own", why="a second one would never serve", hint="seedvm run"
        )
    if not (state_dir / "site.yaml").exists():
        return
    site = load_site(state_dir / "site.yaml")
    if adopted(state_dir, site.name):
        raise SeedvmError(
            f"this machine has taken up site {site.name} already", hint="complete the hand-off: seedvm run"
        )
    if handed_over.marked(site.name):
        raise SeedvmError(
            f"this is the seed that handed over site {site.name}", hint="complete the hand-off: seedvm run"
        )
    if str(site.provisioning.vip) != vip:
        raise SeedvmError(
            f"{vip} is not the VIP of site {site.name}",
            why=f"the site in {state_dir} has {site.provisioning.vip}",
            hint=f"seedvm adopt {site.provisioning.vip}; for another site name an empty folder with --state-dir",
        )


def _authority(args: argparse.Namespace) -> Authority:
    """By the bundle that was opened here, else by the recovery key alone."""
    from seedvm.handoff.adopt import Authority
    from seedvm.site import recovery
    from seedvm.site.secrets_file import load_secrets

    if (args.state_dir / "secrets.yaml").exists() and args.key_file is None:
        generated = load_secrets(args.state_dir / "secrets.yaml").generated
        if not generated.recovery_key.reveal():
            raise SeedvmError(
                "the bundle that was opened here has no recovery key",
                why="an older version wrote it",
                hint="add the key from paper: --key-file FILE",
            )
        return Authority(generated.recovery_key, generated.ssh_private_key)
    key = recovery.parse(_typed(args.key_file))
    if (args.state_dir / "secrets.yaml").exists():
        return Authority(key, load_secrets(args.state_dir / "secrets.yaml").generated.ssh_private_key)
    return Authority(key, recovery.ssh_private(key))


def _typed(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SeedvmError(f"{file} cannot be read", why=str(error), hint="put the recovery key into it") from None
    if not sys.stdin.isatty():
        raise SeedvmError("there is no terminal to ask for the recovery key", hint="add --key-file FILE")
    return getpass.getpass("Recovery key of the site: ")


async def _look(args: argparse.Namespace, authority: Authority) -> Found:
    """The first seed is looked for before this machine has an address, then the nodes are asked."""
    from seedvm.handoff.adopt import heard, look
    from seedvm.site.load import load_site, parse_site

    opened = load_site(args.state_dir / "site.yaml") if (args.state_dir / "site.yaml").exists() else None
    address: IPv4Interface | None = args.address
    interface: str | None = args.interface
    if opened is not None:
        address = address or IPv4Interface(f"{opened.seed.address}/{opened.provisioning.cidr.prefixlen}")
        interface = interface or opened.seed.interface
    if address is not None:
        if interface is None:
            raise SeedvmError("the interface is not known", why="no bundle was opened here", hint="add --interface NIC")
        await _address(interface, address)
    found = await look(args.vip, authority)
    site = parse_site(found.files["site.yaml"].decode())
    await heard(interface or site.seed.interface, site.seed.address)
    return found


async def _address(interface: str, wanted: IPv4Interface) -> None:
    """This machine has the address, if no other has it. It ends with the next boot; the engine writes it down for good."""
    from seedvm.base import process
    from seedvm.controller import vip
    from seedvm.handoff.adopt import heard

    if await asyncio.to_thread(vip.holds, str(wanted.ip)):
        return
    await process.arun(["ip", "link", "set", interface, "up"], timeout=10)
    await heard(interface, wanted.ip)
    await process.arun(["ip", "address", "add", str(wanted), "dev", interface], timeout=10)


def _told(found: Found) -> list[str]:
    lines = [f"site {found.site}: the controllers keep it as it was on {found.time}; the VIP is on {found.holder}"]
    if found.silent:
        lines.append(f"These do not answer: {', '.join(found.silent)}")
    after = (
        "COMMIT is passed: the hand-off is completed from here"
        if found.committed
        else (
            "COMMIT was not reached: the controllers have taken over by themselves, and the hand-off is completed from here; what was not "
            "measured becomes a doubt"
        )
    )
    return [*lines, f"The last that the first seed noted: {found.last}. {after}."]


def _confirmed(args: argparse.Namespace, site: str) -> bool:
    if args.seed_is_lost is not None or args.json or not sys.stdin.isatty():
        return bool(args.seed_is_lost == site)
    say(f"The first seed must never run on this network again. If it is permanently lost, type {site} to continue:")
    return sys.stdin.readline().strip() == site
