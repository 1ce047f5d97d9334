"""Images in Glance: what is there, and bringing a file in whole. It refuses to replace or delete an image that is active.

A half-uploaded image (queued, saving, killed) of ours is deleted and made again: Glance cannot go on with one.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from seedvm.base.item import Item
from seedvm.cloud.connection import Cloud

SITE = "seedvm_site"
DIGEST = "seedvm_sha256"
GOLDEN = "seedvm-golden"
_UPLOAD_SECONDS = 1200.0


@dataclass(frozen=True)
class Image:
    """An image as Glance tells it. `digest` is the sha256 that we wrote beside it, `hash_value` Glance's own (`hash_algo`)."""

    id: str
    name: str
    status: str
    size: int
    disk_format: str
    digest: str
    hash_algo: str
    hash_value: str

    @classmethod
    def of(cls, said: Item) -> Image:
        return cls(
            id=said.text("id"),
            name=said.text("name", ""),
            status=said.text("status"),
            size=said.number("size", 0),
            disk_format=said.text("disk_format", ""),
            digest=said.text(DIGEST, ""),
            hash_algo=said.text("os_hash_algo", ""),
            hash_value=said.text("os_hash_value", ""),
        )


@dataclass(frozen=True)
class Source:
    """A file to bring in. Formats: `raw`, `aki` (kernel), `ari` (initial ramdisk)."""

    name: str
    path: Path
    sha256: str
    disk_format: str
    properties: Mapping[str, str]

    @property
    def container_format(self) -> str:
        return "bare" if self.disk_format == "raw" else self.disk_format


async def images(cloud: Cloud, name: str) -> tuple[Image, ...]:
    """All images of that name."""
    return tuple(map(Image.of, await cloud.list_all("glance", f"/images?name={quote(name)}", "images")))


async def active(cloud: Cloud, source: Source) -> Image | None:
    """The active image that was made of exactly this file."""
    for image in await images(cloud, source.name):
        if image.status == "active" and image.digest == source.sha256:
            return image
    return None


async def bring(cloud: Cloud, source: Source, site: str, heard: Callable[[int, int], None]) -> Image:
    """Upload; `heard` is told bytes done and bytes in all, from another thread."""
    for image in await images(cloud, source.name):
        if image.status in ("queued", "saving", "killed") and image.digest == source.sha256:
            await cloud.delete("glance", f"/images/{image.id}")
    made = Image.of(await cloud.send("POST", "glance", "/images", _described(source, site)))
    with source.path.open("rb") as file:
        await cloud.upload("glance", f"/images/{made.id}/file", _Counted(file, heard), seconds=_UPLOAD_SECONDS)
    return Image.of(await cloud.get("glance", f"/images/{made.id}"))


def _described(source: Source, site: str) -> dict[str, str]:
    return {
        "name": source.name,
        "disk_format": source.disk_format,
        "container_format": source.container_format,
        "visibility": "public",
        SITE: site,
        DIGEST: source.sha256,
        **source.properties,
    }


class _Counted:
    """A file that says how much of it was read. It has a length, so that requests sends no chunked encoding."""

    def __init__(self, file: io.BufferedReader, heard: Callable[[int, int], None]) -> None:
        self._file = file
        self._heard = heard
        self._total = file.seek(0, io.SEEK_END)
        file.seek(0)

    def __len__(self) -> int:
        return self._total

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(max(size, 1 << 20) if size > 0 else size)
        self._heard(self._file.tell(), self._total)
        return piece
