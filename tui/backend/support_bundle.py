"""The support bundle: one tar with what helps others to understand a site, and no secret.

It asks the system and reads files, changes nothing, and writes one file (0600). Every secret of the site is struck out of every text,
whatever shape secrets.yaml has; a text in which one is left after that stops the bundle.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

import yaml

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import SHORT, Secret, needles, strike

FILES = (
    "site.yaml", "journal.jsonl", "inventory.json", "review.json", "confirmed.json", "receipt.json", "receipt.txt", "receipt.pub",
    "report.json", "facts.json", "engine.log", "bmc-ledger.json", "images-verified.json",
    "trace.jsonl", "trace.jsonl.1",
)  # fmt: skip
"""What is taken from the state folder; secrets.yaml and clouds.yaml never are."""

ASKED: Mapping[str, tuple[str, ...]] = {
    "network-addresses.txt": ("ip", "-details", "address"),
    "network-routes.txt": ("ip", "route", "show", "table", "all"),
    "network-neighbours.txt": ("ip", "neighbour"),
    "network-sockets.txt": ("ss", "--all", "--numeric", "--processes"),
    "units.txt": ("systemctl", "list-units", "--no-pager", "--plain", "--all", "--type=service"),
    "engine-unit.txt": ("journalctl", "--unit", "seedvm-engine.service", "--lines", "4000", "--no-pager"),
    "system-journal.txt": ("journalctl", "--boot", "--lines", "20000", "--no-pager"),
    "packages.txt": ("dpkg-query", "--show"),
    "kernel.txt": ("uname", "-a"),
}
"""What a bundle asks the system: nothing of it changes anything."""

_LOGS = Path("/var/log")
_LOG_END_BYTES = 512 * 1024
_ASK_SECONDS = 30.0
_OPEN_KEYS = ("user", "index", "public")
"""What secrets.yaml holds that is none: names, numbers, public halves of keys."""


async def gather(state_dir: Path, logs: Path = _LOGS) -> dict[str, str]:
    """The texts of a bundle by name, secrets still in them."""
    texts = await asyncio.to_thread(_files, state_dir, logs)
    for name, argv in ASKED.items():
        try:
            said = await process.arun(argv, timeout=_ASK_SECONDS, check=False)
            texts[name] = said.stdout + said.stderr
        except SeedvmError as error:
            texts[name] = f"{error}\n"
    return texts


def _files(state_dir: Path, logs: Path) -> dict[str, str]:
    texts = {name: (state_dir / name).read_text(errors="replace") for name in FILES if (state_dir / name).exists()}
    for path in sorted(logs.glob("*/*.log")):
        texts[f"services/{path.parent.name}/{path.name}"] = _end(path)
    image = Path("/etc/seedvm-image.json")
    names = ("seedvm", "textual", "openstacksdk", "pyghmi")
    versions = [f"{one.metadata['Name']} {one.version}" for name in names for one in distributions(name=name)]
    texts["versions.txt"] = "\n".join([f"python {sys.version}", *versions, image.read_text() if image.exists() else ""])
    return texts


def _end(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_END_BYTES))
        return file.read().decode(errors="replace")


def secrets_in(path: Path) -> tuple[Secret, ...]:
    """Every secret of a secrets.yaml: each text in it but names and public keys, at any depth; none where there is no file."""
    tree = yaml.safe_load(path.read_text()) if path.exists() else None
    return tuple(Secret(text) for text in _leaves(tree, "") if text)


def _leaves(tree: object, name: str) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, name)
    elif tree is not None and not any(word in name for word in _OPEN_KEYS):
        yield str(tree)


def write_bundle(path: Path, texts: Mapping[str, str], secrets: Iterable[Secret]) -> tuple[str, ...]:
    """Write the tar and give the names in it. Raises SeedvmError, and writes nothing, where a secret would be in it."""
    secrets = tuple(secrets)
    clean = {name: strike(text, secrets) for name, text in texts.items()}
    for name, text in clean.items():
        if any(len(needle) >= SHORT and needle in text for needle in needles(secrets)):
            raise SeedvmError(
                "Support bundle not written", why=f"{name} still contains a secret", hint="please report this"
            )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in sorted(clean.items()):
            data = text.encode()
            member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    write_private(path, packed.getvalue())
    return tuple(sorted(clean))
