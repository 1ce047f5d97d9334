"""The command import: take in the operator's own list of machines, after showing what of it would be taken."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Commands, answer, ask, say

if TYPE_CHECKING:
    from seedvm.machines.import_export import ImportedMachine, Preview

DESCRIPTION = """\
Reads machines from xlsx, CSV, instackenv.json, Ironic's nodes (YAML, JSON, or as `openstack baremetal node list --long -f json`
prints them), inventories of bifrost and of Ansible (kayobe), and `maas PROFILE machines read`. The format is recognised by the
content. On a terminal it shows what would be taken and asks; elsewhere it takes the list without asking. If a row is refused, nothing
is written."""
MOST_BYTES = (16 << 20) + 1  # one more than what a list may have


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    bring = commands.add_parser(
        "import",
        parents=[shared],
        help="import a list of machines: xlsx, CSV, instackenv, Ironic, bifrost, Ansible or MAAS",
        description=DESCRIPTION,
    )
    bring.add_argument("file", type=Path, help="the list; - reads standard input")
    bring.add_argument(
        "--check", action="store_true", help="only show what would be taken; exit code 1 if a row is refused"
    )
    bring.add_argument("--yes", action="store_true", help="take the list without asking")
    bring.add_argument("--partial", action="store_true", help="take the rows that are not refused, and name the others")
    bring.set_defaults(handler=_import)


def _import(args: argparse.Namespace) -> int:
    from seedvm.machines.import_export import look, take
    from seedvm.site.load import load_site

    data = _bytes(args.file)
    site = load_site(args.state_dir / "site.yaml")
    asks = not (args.yes or args.json) and sys.stdin.isatty() and sys.stdout.isatty()
    if args.check or asks:
        preview = look(data, args.file.name, site, args.state_dir)
        if args.check:
            return _checked(args, preview)
        if not _agreed(args, preview):
            say("nothing was changed")
            return EXIT_USAGE
    taken = take(data, args.file.name, site, args.state_dir, partial=args.partial)
    if args.json:
        answer(vars(taken))
        return EXIT_DONE
    if not asks:
        for line in taken.remarks:
            say(line)
        for line in taken.refused:
            say(f"refused: {line}")
    if taken.left_out:
        say(f"left out: {_some(taken.left_out)}")
    say(
        f"{taken.machines} machines: {len(taken.new)} new, {len(taken.changed)} changed, {len(taken.accounts)} accounts"
    )
    for bmc in taken.several:
        say(f"{bmc}: several MAC addresses listed; the boot MAC will be detected when the machine boots")
    return EXIT_DONE


def _bytes(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MOST_BYTES)
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError as error:
        raise SeedvmError(f"{file} cannot be read", why=error.strerror or str(error)) from None


def _checked(args: argparse.Namespace, preview: Preview) -> int:
    if args.json:
        rows = [
            {"line": one.entry.line, "bmc": one.entry.address, "name": one.entry.name, "state": one.state}
            | {"user": one.entry.user, "password": one.entry.password is not None}
            | {"boot_mac": one.machine.boot_mac, "macs": one.machine.macs}
            for one in preview.machines
        ]
        answer({**vars(preview.taken()), "rows": rows})
    else:
        for line in lines(preview):
            say(line)
    return EXIT_FAILED if preview.refused else EXIT_DONE


def _agreed(args: argparse.Namespace, preview: Preview) -> bool:
    """Show what would be taken, and ask. A list that would be refused is not asked about."""
    if preview.refused and not args.partial:
        raise InvalidFile(args.file.name, preview.refused)
    for line in lines(preview):
        say(line)
    taken = preview.taken()
    if not taken.new and not taken.changed and not taken.accounts:
        return True
    leaves = f" and leave out {_some(taken.left_out)}" if taken.left_out else ""
    return ask(f"Take {taken.machines} machines{leaves}? [y/N] ").lower() in ("y", "yes")


def lines(preview: Preview) -> Iterator[str]:
    """What an import would do, for a terminal: a table of the machines, the remarks, and what is refused. No password is in it."""
    yield f"format: {preview.form}"
    yield from _table([("LINE", "BMC", "NAME", "STATE", "ACCOUNT", "BOOT MAC"), *map(_cells, preview.machines)])
    for remark in preview.remarks:
        yield f"note: {remark}"
    for problem in preview.refused:
        yield f"refused: {problem}"
    if preview.left_out:
        yield f"left out: {_some(preview.left_out)}"
    taken = preview.taken()
    counts = f"{len(taken.new)} new, {len(taken.changed)} changed, {len(taken.accounts)} accounts to store"
    yield f"{taken.machines} machines: {counts}, {len(preview.refused)} problems"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _cells(one: ImportedMachine) -> tuple[str, ...]:
    entry = one.entry
    account = "-"
    if entry.user is not None:
        kept = "new password" if one.account else "known password"
        account = f"{entry.user}, {kept if entry.password is not None else 'no password'}"
    boot = one.machine.boot_mac or ("one of several" if len(one.machine.macs) > 1 else "-")
    return (str(entry.line), entry.address, entry.name or "-", one.state, account, boot)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
