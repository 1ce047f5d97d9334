"""The site as every controller keeps it: one age file that the recovery key opens, made again only when what is in it has changed.

A laptop that is lost takes nothing with it then that the hand-off needs. It holds the files of the state folder that decide anything,
secrets.yaml among them; root of a controller cannot open it. It refuses a file that somebody without the recovery key has made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode
from seedvm.site import bundle, recovery

FILE = "sealed.age"
NAMES = ("secrets.yaml", "inventory.json", "review.json", "confirmed.json", "accepted.json", "site.yaml")
"""site.yaml last: a folder has a site once it has this file."""
_NOTE = "sealed.json"
_PROOF = "proof"


@dataclass(frozen=True)
class _Note:
    """What the sealed file in the state folder was made of (a keyed digest), and its own SHA-256."""

    content: str
    sha256: str


def sealed(state_dir: Path, site: str, key: Secret) -> str:
    """The sealed file for what the state folder holds now; the last one where nothing has changed since."""
    files = {name: (state_dir / name).read_bytes() for name in NAMES if (state_dir / name).is_file()}
    content, path = _content(files, key), state_dir / FILE
    if (known := _known(state_dir)) and known.content == content and path.is_file():
        text = path.read_text()
        if sha256(text.encode()).hexdigest() == known.sha256:
            return text
    text = recovery.seal(bundle.packed(bundle.manifest_of(site, files), {**files, _PROOF: content.encode()}), key)
    write_private(path, text)
    note = _Note(content, sha256(text.encode()).hexdigest())
    write_private(state_dir / _NOTE, json.dumps(encode(note)) + "\n")
    return text


def open_sealed(text: str, key: Secret, source: str) -> tuple[bundle.Manifest, Mapping[str, bytes]]:
    """What was sealed, by name. `source` is named in errors. A SeedvmError where the key is another one, or another made the file."""
    manifest, files = bundle.unpacked(recovery.opened(text, key), Path(source))
    rest = {name: data for name, data in files.items() if name != _PROOF}
    if files.get(_PROOF, b"").decode(errors="replace") != _content(rest, key):
        raise SeedvmError(
            f"{source} was not made by this site",
            why="whoever made it does not have the recovery key",
            hint="look at who can write on that controller; the copies of the other controllers are used",
        )
    return manifest, rest


def forget(state_dir: Path) -> None:
    """Nothing of it stays in the state folder."""
    for name in (FILE, _NOTE):
        (state_dir / name).unlink(missing_ok=True)


def _content(files: Mapping[str, bytes], key: Secret) -> str:
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    return recovery.proof(key, json.dumps(digests, sort_keys=True).encode())


def _known(state_dir: Path) -> _Note | None:
    try:
        return decode(_Note, json.loads((state_dir / _NOTE).read_text()), _NOTE)
    except (FileNotFoundError, ValueError, SeedvmError):
        return None
