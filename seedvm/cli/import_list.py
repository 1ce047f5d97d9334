"""The command import: take in the operator's own list of machines."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    bring = commands.add_parser(
        "import",
        parents=[shared],
        help="import a list of machines: CSV, instackenv.json, or YAML of `baremetal create`",
    )
    bring.add_argument("file", type=Path, help="the list; - reads standard input")
    bring.set_defaults(handler=_import)


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
        say(f"{bmc}: several MAC addresses listed; the boot MAC will be detected when the machine boots")
    return EXIT_DONE
