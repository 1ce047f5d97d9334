"""The site's bundle: all that a second laptop needs to continue, in one file that a passphrase opens.

The seed may be lost at any moment: with it would go the rotated BMC passwords, the keys and the operator's consent. The bundle holds the
state folder, encrypted by age with a passphrase (age-encryption.org/v1, scrypt recipient), so that the stock tool `age` opens it too.
Refused: a passphrase of fewer than 12 characters, and to open a bundle over a folder that holds a site.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from seedvm import __version__
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode, encode_record

NOTE = "bundle.json"
SHORTEST_PASSPHRASE = 12
MOST_BYTES = 512 * 1024 * 1024
_FORMAT = 1
_MANIFEST = "manifest.json"
_LAST = "site.yaml"  # a folder has a site once it has this file: it is put in place after all others
_NOT_TAKEN = re.compile(
    r"\..*|.*\.lock|engine\.log|trace\.jsonl.*|clouds\.yaml|seed-off|seedvm-bundle-.*|.*\.age|web[-.].*|(bundle|sealed)\.json"
)
_MARKS = ("site.yaml", "secrets.yaml", "journal.jsonl", "inventory.json")


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds: of which site, when it was written (RFC 3339), by which version, and whether the hand-off had started."""

    site: str
    time: str
    version: str
    handoff: bool
    files: int


@dataclass(frozen=True)
class _Note:
    """What is remembered of the last bundle: its time and the digest of the secrets in it."""

    time: str
    secrets: str


def write_bundle(state_dir: Path, site: str, target: Path, passphrase: Secret) -> Manifest:
    """Write the encrypted bundle of a state folder to `target` (0600)."""
    _refuse_short(passphrase)
    files = dict(_taken(state_dir))
    if "secrets.yaml" not in files:
        raise SeedvmError(
            "there is nothing to put into a bundle",
            why=f"{state_dir} has no secrets.yaml",
            hint="fill in the site first (seedvm wizard), or name its folder with --state-dir",
        )
    manifest = manifest_of(site, files)
    try:
        write_private(target, _encrypted(packed(manifest, files), passphrase))
    except OSError as error:
        raise SeedvmError(
            f"{target} cannot be written", why=error.strerror or str(error), hint="name another file"
        ) from None
    write_private(state_dir / NOTE, json.dumps(encode(_Note(manifest.time, _digest(files["secrets.yaml"])))) + "\n")
    return manifest


def open_bundle(source: Path, state_dir: Path, passphrase: Secret) -> Manifest:
    """Put a bundle's files into an empty state folder. Killed halfway it may be run again."""
    there = [name for name in _MARKS if (state_dir / name).exists()]
    unfinished = (state_dir / f".{NOTE}.opening").exists()
    if there and not unfinished:
        raise SeedvmError(
            f"{state_dir} already holds a site",
            why=f"it has {', '.join(there)}",
            hint="move the folder away, or name an empty one with --state-dir",
        )
    manifest, files = read_bundle(source, passphrase)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(state_dir / f".{NOTE}.opening", "")
    for name in sorted(files, key=lambda one: one == _LAST):
        path = state_dir / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, files[name])
    (state_dir / f".{NOTE}.opening").unlink()
    return manifest


def read_bundle(source: Path, passphrase: Secret) -> tuple[Manifest, Mapping[str, bytes]]:
    """The manifest of a bundle and its files by name. Refuses what is no bundle, is damaged, or names files outside of the folder."""
    try:
        raw = source.read_bytes()
    except OSError as error:
        raise SeedvmError(
            f"{source} cannot be read", why=error.strerror or str(error), hint="name the bundle's file"
        ) from None
    manifest, files = unpacked(_decrypted(raw, passphrase, source), source)
    if len(files) != manifest.files or _LAST not in files:
        raise _damaged(source, f"it holds {len(files)} files of {manifest.files}")
    return manifest, files


def manifest_of(site: str, files: Mapping[str, bytes]) -> Manifest:
    """What says of these files what they are, as of now."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest(site, time, __version__, "handoff.json" in files, len(files))


def packed(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """The tar of a bundle, before it is encrypted."""
    head = json.dumps({"format": _FORMAT, **encode_record(manifest)}).encode()
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        for name, data in {_MANIFEST: head, **files}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, io.BytesIO(data))
    return tarred.getvalue()


def unpacked(raw: bytes, source: Path) -> tuple[Manifest, Mapping[str, bytes]]:
    """The manifest and the files of a bundle's tar; `source` is named in errors."""
    files = dict(unpack(raw, source))
    try:
        return _manifest(files.pop(_MANIFEST)), files
    except (KeyError, ValueError, SeedvmError) as error:
        raise _damaged(source, f"its manifest cannot be read: {error}") from None


def is_current(state_dir: Path) -> bool | None:
    """Whether the last bundle holds the passwords and keys of now; None where no bundle was ever written."""
    try:
        note = decode(_Note, json.loads((state_dir / NOTE).read_text()), NOTE)
        return note.secrets == _digest((state_dir / "secrets.yaml").read_bytes())
    except (FileNotFoundError, ValueError, SeedvmError):
        return None


def offer(state_dir: Path) -> str:
    """Why a bundle is worth writing now, and how; empty where the last one holds all. For people: nothing waits for it."""
    current = is_current(state_dir)
    if current:
        return ""
    why = "passwords or keys have changed since the last bundle" if current is False else "no bundle of this site yet"
    return (
        f"{why}: to continue on another laptop if this one is lost, write one (seedvm bundle site, or F7 in the wizard)"
    )


def _manifest(raw: bytes) -> Manifest:
    tree = json.loads(raw)
    if not isinstance(tree, dict) or tree.pop("format", None) != _FORMAT:
        raise ValueError("a newer or another format; use the version that wrote it")
    return decode(Manifest, tree, _MANIFEST)


def _taken(state_dir: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(state_dir.rglob("*")):
        name = path.relative_to(state_dir)
        if not any(_NOT_TAKEN.fullmatch(part) for part in name.parts) and path.is_file() and not path.is_symlink():
            yield name.as_posix(), path.read_bytes()


def unpack(raw: bytes, source: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a bundle's tar by name; `source` is named in errors. Refuses links and names outside of the folder."""
    room = MOST_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                room -= member.size
                if not member.isfile() or name.is_absolute() or ".." in name.parts or room < 0:
                    raise _damaged(source, f"it holds {member.name[:80]!r}, which no bundle does")
                file = tar.extractfile(member)
                yield name.as_posix(), file.read() if file is not None else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise _damaged(source, str(error)) from None


def _encrypted(raw: bytes, passphrase: Secret) -> bytes:
    import pyrage.passphrase

    return pyrage.passphrase.encrypt(raw, passphrase.reveal())


def _decrypted(raw: bytes, passphrase: Secret, source: Path) -> bytes:
    import pyrage.passphrase

    if not raw.startswith(b"age-encryption.org/v1\n"):
        raise SeedvmError(
            f"{source} is not a bundle", why="it is not an age file", hint="name the file that seedvm bundle site wrote"
        )
    try:
        return pyrage.passphrase.decrypt(raw, passphrase.reveal())
    except pyrage.DecryptError as error:
        raise SeedvmError(
            f"{source} cannot be opened",
            why=f"the passphrase is wrong or the file is damaged ({error})",
            hint="type the passphrase again, or use another copy of the file",
        ) from None


def _refuse_short(passphrase: Secret) -> None:
    if len(passphrase.reveal()) < SHORTEST_PASSPHRASE:
        raise SeedvmError(
            "the passphrase is too short",
            why=f"it has fewer than {SHORTEST_PASSPHRASE} characters, and the bundle holds every password of the site",
            hint="use a few words of a sentence",
        )


def _damaged(source: Path, why: str) -> SeedvmError:
    return SeedvmError(f"{source} is damaged", why=why, hint="use another copy of the file")


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
