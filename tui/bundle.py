"""The support bundle: one tar with what helps somebody else to understand a site, and no secret.

Pure but for the one file it writes (0600). It takes texts, never files that hold secrets, and strikes every secret of the site out of
every text; a text in which one is left after that stops the bundle.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from seedvm.errors import SeedvmError
from seedvm.secret import Secret

FILES = (
    "site.yaml", "journal.jsonl", "inventory.json", "review.json", "confirmed.json", "receipt.json", "receipt.txt",
    "report.json", "facts.json", "engine.log", "bmc-ledger.json", "images-verified.json",
)  # fmt: skip
"""What is taken from the state folder; secrets.yaml and clouds.yaml never are."""

STRUCK = "****"
_SHORT = 6


def strike(text: str, secrets: Iterable[Secret]) -> str:
    """The text without any of the secrets; a short one goes where it stands as a word, a long one anywhere, also line by line."""
    for needle in _needles(secrets):
        edge = r"\b" if len(needle) < _SHORT and needle.isalnum() else ""
        text = re.sub(f"{edge}{re.escape(needle)}{edge}", STRUCK, text)
    return text


def _needles(secrets: Iterable[Secret]) -> list[str]:
    found: set[str] = set()
    for secret in secrets:
        value = secret.reveal()
        found.add(value)
        found.add(value.encode("unicode_escape").decode())
        found.update(line for line in value.splitlines() if len(line) >= 20 and not line.startswith("-----"))
    return sorted(filter(None, (needle.strip() for needle in found)), key=len, reverse=True)


def write_bundle(path: Path, texts: Mapping[str, str], secrets: Iterable[Secret]) -> tuple[str, ...]:
    """Write the tar and give the names in it. Raises SeedvmError, and writes nothing, where a secret would be in it."""
    secrets = tuple(secrets)
    clean = {name: strike(text, secrets) for name, text in texts.items()}
    for name, text in clean.items():
        if any(len(needle) >= _SHORT and needle in text for needle in _needles(secrets)):
            raise SeedvmError("No bundle was written", why=f"a secret is left in {name}", hint="please report this")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, text in sorted(clean.items()):
            data = text.encode()
            member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return tuple(sorted(clean))
