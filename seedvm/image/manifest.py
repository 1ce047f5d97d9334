"""The manifests beside images as frozen types, read and written here. It refuses a file that is no manifest of that kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.base.first import first
from seedvm.base.typed_json import decode, encode
from seedvm.image.gpt import Partition

T = TypeVar("T")

_AGAIN = "build it again: seedvm image build --force"
_PIECE = 4 << 20


@dataclass(frozen=True)
class FileSum:
    """A file's SHA-256, in hexadecimal, and size in bytes."""

    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> FileSum:
        sha256 = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                sha256.update(piece)
        return cls(sha256.hexdigest(), path.stat().st_size)


@dataclass(frozen=True)
class DiskLayout:
    """The golden image's disk; `uuid` is the partition table's."""

    uuid: str
    root_file_system: str
    partitions: tuple[Partition, ...]

    def partition(self, name: str) -> Partition:
        found = (one for one in self.partitions if one.name == name)
        return first(found, f"the golden image's manifest lists no partition {name}", hint=_AGAIN)


@dataclass(frozen=True)
class RamdiskManifest:
    """ramdisk.json: `files` by name; `packages` are Debian's names with versions. `commit` is None outside a checkout."""

    name: str
    hash: str
    key: str
    commit: str | None
    files: Mapping[str, FileSum]
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class GoldenManifest:
    """golden.json. `room` is in MiB by folder; `packages` and `python` are names with versions, of Debian and of PyPI."""

    name: str
    hash: str
    key: str
    commit: str | None
    files: Mapping[str, FileSum]
    disk: DiskLayout
    rooms: tuple[str, ...]
    room: Mapping[str, float] = field(default_factory=dict)
    reproducible: Mapping[str, object]
    packages: Mapping[str, str]
    python: Mapping[str, str]


@dataclass(frozen=True)
class CarriedPlace:
    """The partition `images` of an appliance, in bytes."""

    start: int
    size: int
    uuid: str


@dataclass(frozen=True)
class ApplianceDisk(DiskLayout):
    """The appliance's disk: the golden image's, and what it hands on."""

    images: CarriedPlace


@dataclass(frozen=True)
class ApplianceManifest:
    """seedvm-appliance.json; `carries` are the files that its images come from."""

    key: str
    commit: str | None
    rooms: tuple[str, ...]
    packages: Mapping[str, str]
    python: Mapping[str, str]
    reproducible: Mapping[str, object]
    name: str
    architecture: str
    files: Mapping[str, FileSum]
    disk: ApplianceDisk
    carries: Mapping[str, FileSum] = field(default_factory=dict)


def read(kind: type[T], path: Path) -> T:
    """The manifest of that kind in a file."""
    try:
        return decode(kind, json.loads(path.read_text()), str(path))
    except (OSError, ValueError) as error:
        raise SeedvmError(f"{path} cannot be read", why=str(error), hint=_AGAIN) from error


def write(path: Path, manifest: object) -> None:
    """As every manifest of the images: a value a line."""
    path.write_text(json.dumps(encode(manifest), indent=1) + "\n")
