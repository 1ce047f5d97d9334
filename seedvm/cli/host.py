"""The command host, on the operator's laptop: check, up, console, status, snapshot, back, down, wipe, usb."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, Commands, answer, ask, say

if TYPE_CHECKING:
    from seedvm.host.changes import Change
    from seedvm.host.domain import Port
    from seedvm.host.seed import SeedFiles

IMAGES = Path("build/cache/appliance/current")
IMAGE, RAW = IMAGES / "seedvm-appliance.qcow2", IMAGES / "seedvm-appliance.raw"
_LEAVE = "Ctrl+] closes the console, the wizard keeps running; Ctrl+L redraws its screen"


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    host = commands.add_parser("host", parents=[shared], help="run the seed on this laptop, or write it to a USB stick")
    verbs = host.add_subparsers(required=True, metavar="VERB")
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--folder", type=Path, help="folder of the seed's disk (default /var/lib/seedvm-host)")
    place.add_argument("--name", default="seedvm", help="name of the VM (default seedvm)")
    place.add_argument(
        "--connect", metavar="URI", default="qemu:///system", help="libvirt connection (default qemu:///system)"
    )
    for name, handler, text in (
        ("check", _check, "check that this laptop meets the requirements"),
        ("up", _up, "create and start the seed's VM; resumes it if it is paused"),
        ("console", _console, "open the wizard in this terminal"),
        ("status", _status, "show the state of the seed"),
        ("snapshot", _snapshot, "take a snapshot of the seed's disk; only before the hand-off"),
        ("back", _back, "restore a snapshot; never after COMMIT"),
        ("down", _down, "shut the seed down and undo the network changes"),
        ("wipe", _wipe, "delete the seed's VM and all its data from this laptop"),
        ("usb", _usb, "write the appliance's image to a USB stick and verify it"),
    ):
        verb = verbs.add_parser(name, parents=[shared] if name == "usb" else [shared, place], help=text)
        verb.set_defaults(handler=handler)
        _options(name, verb)


def _options(name: str, verb: argparse.ArgumentParser) -> None:
    if name in ("check", "up"):
        verb.add_argument("--memory", type=int, default=4096, metavar="MIB", help="memory of the seed (default 4096)")
    if name == "up":
        verb.add_argument("--image", type=Path, default=IMAGE, help=f"image of the appliance (default {IMAGE})")
        verb.add_argument(
            "--port",
            action="append",
            metavar="NIC",
            help="network port or bridge to the machines; repeat it for a separate BMC network",
        )
        verb.add_argument("--bridge", action="store_true", help="attach the port to a bridge instead of using macvtap")
        verb.add_argument(
            "--ssh-port",
            type=int,
            default=2222,
            help="loopback port of this laptop that leads to the seed's SSH (default 2222)",
        )
        verb.add_argument("--cpus", type=int, default=2, help="processors of the seed (default 2)")
        verb.add_argument("--yes-network", action="store_true", help="apply the listed network changes without asking")
    if name == "down":
        verb.add_argument("--force", action="store_true", help="power the seed off without shutting it down")
    if name == "back":
        verb.add_argument("snapshot", help="label of the snapshot; seedvm host status lists them")
    if name in ("wipe", "back"):
        verb.add_argument("--yes", metavar="NAME", help="confirm with the VM's name instead of being asked")
    if name == "usb":
        verb.add_argument("--device", type=Path, action="append", required=True, help="the USB stick: /dev/...")
        verb.add_argument("--image", type=Path, default=RAW, help=f"raw image of the appliance (default {RAW})")
        verb.add_argument("--yes-wipe", metavar="DEVICE", help="confirm with the device instead of being asked")


def _check(args: argparse.Namespace) -> int:
    from seedvm.host.needs import survey

    needs = survey(_place(args).folder, memory_mib=args.memory, uri=args.connect)
    if args.json:
        answer({"needs": [vars(need) for need in needs]})
    for need in () if args.json else needs:
        word = "ok" if need.met else "MISSING" if need.must else "note"
        say(f"{word:<8} {need.name:<16} {need.found}")
        if not need.met:
            say(f"{'':<8} {'':<16} -> {need.cure}")
    return EXIT_BLOCKED if any(need.must and not need.met for need in needs) else EXIT_DONE


def _up(args: argparse.Namespace) -> int:
    from seedvm.host import changes, kvm, seed
    from seedvm.host.domain import SeedVm
    from seedvm.host.hypervisor import connected

    place = _place(args)
    with connected(args.connect) as hypervisor:
        if hypervisor.state(place.name) in ("absent", "off"):
            ports, planned = _ports(args)
            fast, note = kvm.usable()
            if not fast:
                say(f"note: {note}")
            seed.prepare_disk(place, args.image, say)
            if planned and not _agreed(args, planned):
                return EXIT_BLOCKED
            changes.apply(planned, place.changes)
        else:
            ports, fast = (), True  # it runs as it was defined
        want = SeedVm(place.name, place.disk, ports, fast, args.memory, args.cpus, args.ssh_port)
        try:
            seed.up(hypervisor, place, want, say, uri=args.connect)
        except SeedvmError:
            if hypervisor.state(place.name) in ("absent", "off"):
                changes.restore(place.changes)
            raise
    say(f"next: seedvm host console; SSH: ssh -p {args.ssh_port} root@127.0.0.1")
    return EXIT_DONE


def _ports(args: argparse.Namespace) -> tuple[tuple[Port, ...], list[Change]]:
    """Where the seed's NICs go, and what must be changed on this laptop for it."""
    from seedvm.host import changes, nics
    from seedvm.host.domain import Port

    if not args.port:
        raise SeedvmError(
            "no network port was given",
            why="the seed needs the network of the machines",
            hint="choose one that seedvm host check lists: --port NIC",
        )
    ports, planned = [], []
    for number, name in enumerate(args.port):
        nic = nics.nic(name)
        for warning in nic.warnings():
            say(f"warning: {warning}")
        if nic.kind == "bridge":
            ports.append(Port(name, bridge=True))
        elif args.bridge:
            bridge = f"seedvm{number}"
            planned.append(changes.make_bridge(nic, bridge))
            ports.append(Port(bridge, bridge=True))
        else:
            if not nic.up:
                planned.append(changes.raise_link(nic))
            ports.append(Port(name, bridge=False))
    return tuple(ports), planned


def _agreed(args: argparse.Namespace, planned: list[Change]) -> bool:
    say("this laptop's network must be changed; seedvm host down undoes these changes:")
    for change in planned:
        say(f"  {change.says}")
    if args.yes_network:
        return True
    if not sys.stdin.isatty():
        say("nothing was changed: use --yes-network to confirm")
        return False
    return ask("Apply these changes? [y/N] ").lower() in ("y", "yes")


def _console(args: argparse.Namespace) -> int:
    from seedvm.base import process, terminal
    from seedvm.host import watch
    from seedvm.host.hypervisor import connected

    place = _place(args)
    with connected(args.connect) as hypervisor:
        state = hypervisor.state(place.name)
    if state != "running":
        raise SeedvmError("the seed has no console", machine="seed", why=f"it is {state}", hint="seedvm host up")
    say(_LEAVE)
    code = process.interactive(["virsh", "--connect", args.connect, "console", place.name, "--force"])
    terminal.leave_screen()
    with connected(args.connect) as hypervisor:
        state = hypervisor.state(place.name)
    if state == "running":
        say("the seed keeps running without this terminal; seedvm host console opens the wizard again")
    else:
        say(f"the seed is {state}; seedvm host status tells what it left on this laptop")
    for event in watch.events(place.folder, place.name, last=3):
        say(f"  {event}")
    return code


def _status(args: argparse.Namespace) -> int:
    from seedvm.host import report
    from seedvm.host.hypervisor import connected

    with connected(args.connect) as hypervisor:
        found = report.status(hypervisor, _place(args))
    if args.json:
        answer(found.as_json())
        return EXIT_DONE
    awake = (
        "; sleep is inhibited on this laptop"
        if found.held_awake
        else "; sleep is NOT inhibited on this laptop"
        if found.watched
        else ""
    )
    say(f"the seed is {found.state}{awake}")
    for port in found.ports:
        link = "gone" if port.cable is None else "link" if port.cable else "NO LINK"
        say(f"  {'bridge' if port.bridge else 'port'} {port.name}: {link}")
    say(f"  on this laptop: {found.disk_mib} MiB")
    for label in found.snapshots:
        say(f"  snapshot {label}")
    for line in (*([found.power] if found.power else []), *(f"changed: {one}" for one in found.changed), *found.events):
        say(f"  {line}")
    return EXIT_DONE


def _snapshot(args: argparse.Namespace) -> int:
    from seedvm.host import seed
    from seedvm.host.hypervisor import connected

    with connected(args.connect) as hypervisor:
        label = seed.snapshot(hypervisor, _place(args))
    if args.json:
        answer({"snapshot": label})
    else:
        say(
            f"snapshot {label} taken; it can be restored until COMMIT of the hand-off, never after it: seedvm host back {label}"
        )
    return EXIT_DONE


def _back(args: argparse.Namespace) -> int:
    from seedvm.host import seed
    from seedvm.host.hypervisor import connected

    place = _place(args)
    say(f"everything that the seed did after {args.snapshot} will be lost")
    say("never restore after COMMIT of the hand-off: it would start a second, outdated cluster on the same addresses")
    if not _named(args, place):
        return EXIT_BLOCKED
    with connected(args.connect) as hypervisor:
        seed.back(hypervisor, place, args.snapshot)
    say("the snapshot has been restored; next: seedvm host up")
    return EXIT_DONE


def _down(args: argparse.Namespace) -> int:
    from seedvm.host import seed
    from seedvm.host.hypervisor import connected

    with connected(args.connect) as hypervisor:
        seed.down(hypervisor, _place(args), say, force=args.force)
    return EXIT_DONE


def _wipe(args: argparse.Namespace) -> int:
    from seedvm.host import changes, seed
    from seedvm.host.hypervisor import connected

    place = _place(args)
    with connected(args.connect) as hypervisor:
        state = hypervisor.state(place.name)
        if state == "absent" and not place.files():
            say("the seed is not installed on this laptop")
            return EXIT_DONE
        say("the following will be permanently deleted:")
        if state != "absent":
            say(f"  the VM {place.name} ({state}) and its firmware variables")
        for path in place.files():
            say(f"  {path} ({path.stat().st_blocks * 512 >> 20} MiB)")
        for change in changes.pending(place.changes):
            say(f"  undone: {change}")
        if place.files():
            say(
                "with the disk go the seed's clouds.yaml and receipt; after the hand-off each controller keeps both in /var/lib/seedvm,"
            )
            say("and the site's secrets sealed: only the recovery key (seedvm bundle key) opens those")
        if not _named(args, place):
            return EXIT_BLOCKED
        seed.wipe(hypervisor, place, say)
    return EXIT_DONE


def _usb(args: argparse.Namespace) -> int:
    from seedvm.host import usb

    if len(set(args.device)) != 1:
        raise SeedvmError(
            "more than one device was given", why=", ".join(map(str, args.device)), hint="give exactly one device"
        )
    stick = usb.look(args.device[0])
    usb.refuse(stick, args.image, len(args.device))
    say(f"everything on this stick will be erased: {stick.describe()}")
    if args.yes_wipe is None and sys.stdin.isatty():
        args.yes_wipe = ask(f"Type {stick.device} to continue: ")
    if args.yes_wipe != str(stick.device):
        say(f"nothing was written: use --yes-wipe {stick.device} to confirm")
        return EXIT_BLOCKED
    shown = -1

    def progress(done: float, total: float) -> None:
        nonlocal shown
        if int(done * 20 / total) != shown:
            shown = int(done * 20 / total)
            say(f"{done * 100 / total:3.0f} % ({'written' if done * 2 <= total else 'verified'})")

    sha256 = usb.write(stick, args.image, say, progress)
    say(f"{stick.device} has been written and verified: sha256 {sha256}")
    return EXIT_DONE


def _named(args: argparse.Namespace, place: SeedFiles) -> bool:
    """Whether the operator typed the VM's name."""
    if args.yes is None and sys.stdin.isatty():
        args.yes = ask(f"Type {place.name} to continue: ")
    if args.yes != place.name:
        say(f"nothing was changed: use --yes {place.name} to confirm")
        return False
    return True


def _place(args: argparse.Namespace) -> SeedFiles:
    from seedvm.host.seed import FOLDER, SeedFiles

    return SeedFiles((args.folder or FOLDER).absolute(), args.name)
