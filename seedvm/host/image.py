"""The appliance's image file and its checksum: what is written anywhere was proven first. It refuses an image without a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from seedvm.base.errors import SeedvmError

_PIECE = 4 << 20


def wanted_sum(image: Path) -> str:
    """The SHA-256 that stands beside the image, in hex."""
    beside = image.with_name(image.name + ".sha256")
    if not image.is_file():
        raise SeedvmError(f"there is no image {image}", why="no such file", hint="build it with ./build-appliance.sh")
    try:
        words = beside.read_text().split()
    except OSError as error:
        raise SeedvmError(
            f"{image} cannot be verified", why=f"{beside}: {error.strerror}", hint="copy its .sha256 file next to it"
        ) from error
    if not words or len(words[0]) != 64:
        raise SeedvmError(
            f"{beside} is not a checksum", why="it does not begin with 64 hex digits", hint="build the image again"
        )
    return words[0].lower()


def verified_bytes(image: Path, say: Callable[[str], None]) -> int:
    """The image's size in bytes, after its checksum was proven."""
    wanted = wanted_sum(image)
    say(f"checking {image.name} against its checksum")
    sha256 = hashlib.sha256()
    with image.open("rb") as file:
        while piece := file.read(_PIECE):
            sha256.update(piece)
    if sha256.hexdigest() != wanted:
        raise SeedvmError(
            f"{image} is damaged",
            why=f"its SHA-256 is {sha256.hexdigest()[:16]}..., its checksum file has {wanted[:16]}...",
            hint="copy or build the image again; nothing has been written",
        )
    return image.stat().st_size
