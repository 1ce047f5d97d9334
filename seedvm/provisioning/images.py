"""The images that the seed carries: which files there must be, their digests, and proof that each file is what its digest says.

A proof costs a read of the whole file, so it is kept with the file's size, time and inode, and holds while these stay. It refuses
files without a digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode

PROOFS = "images-verified.json"
_PIECE = 4 << 20


@dataclass(frozen=True)
class ImageFile:
    """One file and the sha256 that was written when it was built."""

    path: Path
    sha256: str

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def stored(self) -> int:
        """Bytes that it really takes."""
        return self.path.stat().st_blocks * 512


@dataclass(frozen=True)
class ImageFiles:
    """A folder of images. `key` names the build of the golden image."""

    golden: ImageFile
    kernel: ImageFile
    initramfs: ImageFile
    key: str

    @property
    def every(self) -> tuple[ImageFile, ...]:
        return (self.golden, self.kernel, self.initramfs)


@dataclass(frozen=True)
class Proof:
    """The digests of a file as it was read; sha512 is the one that Glance reckons."""

    sha256: str
    sha512: str
    mark: str


def open_images(folder: Path) -> ImageFiles:
    """The files with their digests, by the manifests beside them."""
    wanted = ("golden.raw", "golden.json", "ramdisk.kernel", "ramdisk.initramfs", "ramdisk.json")
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise SeedvmError(
            "the images are incomplete",
            why=f"{folder} does not contain {', '.join(missing)}",
            hint="build them with make image, then copy the folder",
        )
    golden, ramdisk = _manifest(folder / "golden.json"), _manifest(folder / "ramdisk.json")
    return ImageFiles(
        golden=ImageFile(folder / "golden.raw", _digest(golden, "golden.raw", folder / "golden.json")),
        kernel=ImageFile(folder / "ramdisk.kernel", _digest(ramdisk, "ramdisk.kernel", folder / "ramdisk.json")),
        initramfs=ImageFile(
            folder / "ramdisk.initramfs", _digest(ramdisk, "ramdisk.initramfs", folder / "ramdisk.json")
        ),
        key=str(golden.get("key", "")),
    )


def proofs(state_dir: Path, files: ImageFiles) -> dict[str, Proof]:
    """The proofs that still hold, by file name."""
    try:
        found = decode(dict[str, Proof], json.loads((state_dir / PROOFS).read_text()), PROOFS)
    except (OSError, ValueError, SeedvmError):
        return {}  # none, or none that counts: the files are read again
    return {
        file.path.name: proof
        for file in files.every
        if (proof := found.get(file.path.name)) and proof.mark == _mark(file.path) and proof.sha256 == file.sha256
    }


def prove(state_dir: Path, files: ImageFiles, heard: Callable[[int, int], None]) -> dict[str, Proof]:
    """Read what is not proven yet; `heard` is told bytes done and in all. A file that is not what it should be is an error."""
    known = proofs(state_dir, files)
    left = [file for file in files.every if file.path.name not in known]
    total, done = sum(file.size for file in left), 0
    for file in left:
        proof = _read(file, lambda read, before=done: heard(before + read, total))  # type: ignore[misc]
        if proof.sha256 != file.sha256:
            raise SeedvmError(
                f"{file.path.name} is damaged",
                why=f"its sha256 is {proof.sha256}, its manifest says {file.sha256}",
                hint="copy or build the images again",
            )
        done += file.size
        known[file.path.name] = proof
        kept = {name: {"sha256": one.sha256, "sha512": one.sha512, "mark": one.mark} for name, one in known.items()}
        write_private(state_dir / PROOFS, json.dumps(kept, indent=1) + "\n")
    return known


def _read(file: ImageFile, heard: Callable[[int], None]) -> Proof:
    sha256, sha512, mark, done = hashlib.sha256(), hashlib.sha512(), _mark(file.path), 0
    with file.path.open("rb") as raw, ThreadPoolExecutor(2) as both:  # hashing lets go of the interpreter
        while piece := raw.read(_PIECE):
            list(both.map(lambda sum_, part=piece: sum_.update(part), (sha256, sha512)))
            done += len(piece)
            heard(done)
    return Proof(sha256.hexdigest(), sha512.hexdigest(), mark)


def _mark(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"


def _manifest(path: Path) -> Mapping[str, object]:
    try:
        tree = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SeedvmError(f"{path} cannot be read", why=str(error), hint="copy or build the images again") from error
    if not isinstance(tree, dict):
        raise SeedvmError(
            f"{path} is not a manifest", why="it is not a JSON object", hint="copy or build the images again"
        )
    return tree


def _digest(manifest: Mapping[str, object], name: str, path: Path) -> str:
    """`files: {NAME: {sha256: ...}}`, or `sha256` beside the only file that the manifest is about."""
    files = manifest.get("files")
    listed = files.get(name) if isinstance(files, dict) else None
    found = listed.get("sha256") if isinstance(listed, dict) else listed if listed else manifest.get("sha256")
    if not isinstance(found, str) or len(found) != 64:
        raise SeedvmError(
            f"{path} contains no sha256 of {name}", why="its content cannot be verified", hint="build the images again"
        )
    return found
