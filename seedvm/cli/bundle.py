"""`seedvm bundle site|open|key`: the site in one encrypted file, from which a second laptop continues."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.base.secret import Secret
    from seedvm.site.bundle import Manifest


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    bundle = commands.add_parser(
        "bundle", parents=[shared], help="save the site in one encrypted file, or continue from one on another laptop"
    )
    verbs = bundle.add_subparsers(required=True, metavar="VERB")
    write = verbs.add_parser(
        "site",
        parents=[shared],
        help="write the site, its keys and its passwords to an encrypted file; asks for a passphrase",
    )
    write.add_argument("--output", type=Path, metavar="FILE", help="default: SITE-TIME.age in the current folder")
    take = verbs.add_parser("open", parents=[shared], help="continue on this laptop with the site of a bundle")
    take.add_argument("file", type=Path, metavar="FILE", help="the file that bundle site wrote")
    key = verbs.add_parser(
        "key", parents=[shared], help="show the recovery key, which opens what the controllers keep of the site"
    )
    key.set_defaults(handler=_key)
    for part, handler in ((write, _write), (take, _open)):
        part.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from the first line of this file"
        )
        part.set_defaults(handler=handler)


def _write(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from seedvm.site.bundle import write_bundle
    from seedvm.site.load import load_site

    site = load_site(args.state_dir / "site.yaml").name
    target = args.output or Path(f"{site}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.age")
    manifest = write_bundle(args.state_dir, site, target, _passphrase(args.passphrase_file, twice=True))
    if args.json:
        answer({"file": str(target), **vars(manifest)})
        return EXIT_DONE
    say(f"site {site}: {manifest.files} files written to {target}")
    say("Keep it away from this laptop. Whoever has the file and its passphrase has every password of the site.")
    say(f"To continue on another laptop: seedvm bundle open {target.name}")
    return EXIT_DONE


def _open(args: argparse.Namespace) -> int:
    from seedvm.engine.lock import engine_lock
    from seedvm.site.bundle import open_bundle

    args.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with engine_lock(args.state_dir):
        manifest = open_bundle(args.file, args.state_dir, _passphrase(args.passphrase_file, twice=False))
    if args.json:
        answer(vars(manifest))
        return EXIT_DONE
    for line in _next(manifest):
        say(line)
    return EXIT_DONE


def _key(args: argparse.Namespace) -> int:
    """On a terminal only: it opens everything, and belongs on paper, not into a log."""
    from seedvm.site import recovery
    from seedvm.site.load import load_site
    from seedvm.site.secrets_file import load_secrets

    generated = load_secrets(args.state_dir / "secrets.yaml").generated
    if not generated.recovery_key.reveal():
        raise SeedvmError(
            "this site has no recovery key yet", why="its keys are of an older version", hint="make it with seedvm run"
        )
    if not sys.stdout.isatty():
        raise SeedvmError("there is no terminal to show the recovery key on", hint="run it on a terminal")
    say(f"The recovery key of {load_site(args.state_dir / 'site.yaml').name}.")
    say("Write it down, and keep it apart from this laptop: whoever has it can read every password of the site.")
    say(f"\n  {recovery.grouped(generated.recovery_key)}\n")
    say("To continue on another laptop if this one is lost once the nodes have joined: seedvm adopt VIP")
    if recovery.ssh_public(generated.recovery_key) not in generated.ssh_public_key:
        say("This site's SSH key is older than its recovery key: keep a bundle as well (seedvm bundle site).")
    return EXIT_DONE


def _next(manifest: Manifest) -> list[str]:
    lines = [f"site {manifest.site}: {manifest.files} files, as they were on {manifest.time}"]
    if manifest.handoff:
        lines.append("The hand-off had started when this bundle was written: the nodes may know more than it does.")
    lines.append("Keep the first laptop off the network from now on. Then continue: seedvm run")
    return [
        *lines,
        "If the nodes had joined by then, they run without a seed; take the hand-off up from them: seedvm adopt VIP",
    ]


def _passphrase(file: Path | None, *, twice: bool) -> Secret:
    from seedvm.base.secret import Secret

    if file is not None:
        try:
            return Secret(file.read_text().partition("\n")[0].rstrip("\r"))
        except (OSError, UnicodeDecodeError) as error:
            raise SeedvmError(
                f"{file} cannot be read", why=str(error), hint="put the passphrase on its first line"
            ) from None
    if not sys.stdin.isatty():
        raise SeedvmError("there is no terminal to ask for the passphrase", hint="add --passphrase-file FILE")
    typed = getpass.getpass("Passphrase of the bundle: ")
    if twice and typed != getpass.getpass("The same passphrase again: "):
        raise SeedvmError("the two passphrases differ", hint="run the command again; nothing has been written")
    return Secret(typed)
