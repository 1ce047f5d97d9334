"""`seedvm receipt verify FILE --key FINGERPRINT`: is a receipt genuine? The file alone is enough; `receipt key` names the key."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.base.errors import SeedvmError
from seedvm.cli.common import EXIT_BLOCKED, EXIT_DONE, Commands, answer, say

if TYPE_CHECKING:
    from seedvm.site.receipt import Statement


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    receipt = commands.add_parser("receipt", parents=[shared], help="verify a receipt, on any machine")
    verbs = receipt.add_subparsers(required=True, metavar="VERB")
    verify = verbs.add_parser(
        "verify",
        parents=[shared],
        help="exit code 0: genuine, the seed may leave; 3: it says NO, or no key was given; 1: forged or changed",
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="receipt.json")
    verify.add_argument(
        "--key",
        metavar="FINGERPRINT",
        default="",
        help="the site's key, as the wizard's first page shows it, or receipt.pub",
    )
    verify.set_defaults(handler=_verify)
    key = verbs.add_parser("key", parents=[shared], help="the fingerprint of the key that signs this site's receipt")
    key.set_defaults(handler=_key)


def _verify(args: argparse.Namespace) -> int:
    from seedvm.site import receipt

    try:
        text = args.file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise SeedvmError(f"{args.file} cannot be read", why=why, hint="give the path of receipt.json") from None
    said, key, wanted = receipt.verify(text), receipt.signer(text), _wanted(args.key)
    if wanted and wanted != key:
        raise SeedvmError(
            "the receipt is signed by another key",
            why=f"by {key}, not {wanted}",
            hint="compare it with the one on a node",
        )
    members = receipt.witnesses(text)
    if args.json:
        answer(
            {
                "genuine": bool(wanted),
                "self_consistent": True,
                "may_leave": said.may_leave,
                "verdict": said.verdict,
                "site": said.site,
                "time": said.time,
                "attempt": said.attempt,
                "key": key,
                "members": members,
            }
        )
    else:
        _tell(said, key, members, known=bool(wanted))
    return EXIT_DONE if wanted and said.may_leave else EXIT_BLOCKED


def _tell(said: Statement, key: str, members: dict[str, str], *, known: bool) -> None:
    say(f"site {said.site}: {said.verdict}")
    say(f"signed by {key}")
    for name, own in members.items():
        say(f"evidence of {name} signed by its own key {own}")
    if not members:
        say("no member has signed evidence: a receipt of an older version")
    if known:
        say("genuine: signed by the key that was given")
    else:
        say(
            "self-consistent only: whoever wrote the file may have made this key; give the site's key: --key FINGERPRINT"
        )


def _wanted(given: str) -> str:
    """The fingerprint that was given, or that of the key in the file that was named."""
    from seedvm.site.evidence import fingerprint

    if not given or given.startswith("SHA256:"):
        return given
    try:
        found = fingerprint(Path(given).read_text())
    except (OSError, UnicodeDecodeError):
        found = ""
    if not found:
        raise SeedvmError(
            "--key is neither a fingerprint nor a file with a key",
            why=given,
            hint="it looks like SHA256:..., see: seedvm receipt key",
        )
    return found


def _key(args: argparse.Namespace) -> int:
    from seedvm.site import receipt
    from seedvm.site.evidence import fingerprint

    found = fingerprint(receipt.site_key(args.state_dir))
    if not found:
        raise SeedvmError("this site has no receipt key yet", hint="it is made when the engine starts: seedvm run")
    if args.json:
        answer({"key": found})
    else:
        say(found)
    return EXIT_DONE
