"""What differs between two builds, by name: file for file, and inside a disk or a ramdisk that differs, path for path.

It refuses folders that hold no manifest of ours. Nothing is mounted: root is read with debugfs, the ramdisk with bsdtar.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON

_PIECE = 4 << 20
_TOLD = 40
_ELSEWHERE = "the same files, in another layout"


@dataclass(frozen=True)
class Comparison:
    """Two folders: what is byte for byte the same in both, and what differs, by file, each with its reasons."""

    first: Path
    second: Path
    alike: tuple[str, ...]
    differing: Mapping[str, tuple[str, ...]]

    @property
    def same(self) -> bool:
        return not self.differing

    def as_json(self) -> Mapping[str, JSON]:
        return {
            "first": str(self.first),
            "second": str(self.second),
            "same": self.same,
            "alike": list(self.alike),
            "differing": {name: list(reasons) for name, reasons in self.differing.items()},
        }

    def lines(self) -> list[str]:
        lines = [f"same     {name}" for name in self.alike]
        for name, reasons in self.differing.items():
            lines += [f"differs  {name}", *(f"           {reason}" for reason in reasons[:_TOLD])]
            if len(reasons) > _TOLD:
                lines.append(f"           and {len(reasons) - _TOLD} more: --json lists all")
        return [*lines, "the same bytes" if self.same else f"{len(self.differing)} files differ"]


def compare(first: Path, second: Path) -> Comparison:
    """Compare two folders of images (`build/cache/images/...`) or of an appliance (`build/cache/appliance/...`)."""
    places = [_partitions(folder) for folder in (first, second)]
    alike: list[str] = []
    differing: dict[str, tuple[str, ...]] = {}
    for name in sorted({path.name for folder in (first, second) for path in folder.iterdir()}):
        one, other = first / name, second / name
        if not one.exists() or not other.exists():
            differing[name] = (f"only in {first if one.exists() else second}",)
        elif _sum(one) == _sum(other):
            alike.append(name)
        else:
            differing[name] = tuple(_reasons(one, other, places))
    return Comparison(first, second, tuple(alike), differing)


def compare_trees(first: Path, second: Path) -> Iterator[str]:
    """What differs between two folders: a line for each path, with what of it differs."""
    ours, theirs = _entries(first), _entries(second)
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            yield f"/{name}: only in the {'first' if name in ours else 'second'}"
            continue
        differs = [key for key, value in ours[name].items() if value != theirs[name][key]]
        if differs:
            yield f"/{name}: {', '.join(differs)}"


def _partitions(folder: Path) -> dict[str, tuple[int, int]]:
    """Name -> start and end in bytes, from the manifest beside the disk."""
    for path in sorted(folder.glob("*.json")):
        disk = json.loads(path.read_text()).get("disk")
        if disk is not None:
            listed = [*disk["partitions"], *([{"name": "images", **disk["images"]}] if "images" in disk else [])]
            return {str(one["name"]): (int(one["start"]), int(one["start"]) + int(one["size"])) for one in listed}
    raise SeedvmError(
        f"nothing to compare in {folder}",
        why="it has no manifest of a disk",
        hint="use a folder such as build/cache/images/current",
    )


def _reasons(one: Path, other: Path, places: list[dict[str, tuple[int, int]]]) -> Iterator[str]:
    if one.suffix == ".raw":
        yield from _disks(one, other, places)
    elif one.suffix == ".json":
        yield from _documents(json.loads(one.read_text()), json.loads(other.read_text()))
    elif one.suffix == ".initramfs":
        with tempfile.TemporaryDirectory(prefix="seedvm-compare-") as scratch:
            trees = [_unpacked(path, Path(scratch) / side) for path, side in ((one, "a"), (other, "b"))]
            yield from list(compare_trees(*trees)) or [_ELSEWHERE]
    else:
        yield f"{one.stat().st_size} and {other.stat().st_size} bytes"


def _disks(one: Path, other: Path, places: list[dict[str, tuple[int, int]]]) -> Iterator[str]:
    if places[0] != places[1]:
        yield f"partitions: {places[0]} and {places[1]}"
    for name in places[0]:
        if name not in places[1] or _sum(one, *places[0][name]) == _sum(other, *places[1][name]):
            continue
        if name not in ("root", "images"):
            yield f"{name}: content"
            continue
        with tempfile.TemporaryDirectory(prefix="seedvm-compare-") as scratch:
            trees = [
                _dumped(path, place[name][0], Path(scratch) / side)
                for path, place, side in ((one, places[0], "a"), (other, places[1], "b"))
            ]
            yield from (f"{name}: {line}" for line in list(compare_trees(*trees)) or [_ELSEWHERE])
    start = min(start for start, _ in places[0].values())
    if _sum(one, 0, start) != _sum(other, 0, start):
        yield "partition table: content"


def _documents(one: object, other: object, at: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _documents(one.get(key), other.get(key), f"{at}.{key}" if at else str(key))
    elif one != other:
        yield f"{at}: {_short(one)} and {_short(other)}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _dumped(disk: Path, start: int, target: Path) -> Path:
    """The tree of the ext4 file system that begins at byte `start`."""
    target.mkdir()
    process.run(["debugfs", "-R", f"rdump / {target}", f"{disk}?offset={start}"], timeout=600)
    return target


def _unpacked(archive: Path, target: Path) -> Path:
    target.mkdir()
    process.run(
        ["bsdtar", "--numeric-owner", "-C", target, "-xpf", archive], timeout=600
    )  # cpio would give folders the time of the unpacking
    return target


def _entries(top: Path) -> dict[str, dict[str, object]]:
    """What of each path below `top` is compared, by what it is called. Times of links do not come out of debugfs."""
    found: dict[str, dict[str, object]] = {}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(folder, name)
            facts = path.lstat()
            link = stat.S_ISLNK(facts.st_mode)
            found[str(path.relative_to(top))] = {
                "kind": stat.S_IFMT(facts.st_mode),
                "mode": stat.S_IMODE(facts.st_mode),
                "owner": (facts.st_uid, facts.st_gid),
                "time": None if link else int(facts.st_mtime),
                "content": str(path.readlink())
                if link
                else _sum(path)
                if stat.S_ISREG(facts.st_mode)
                else facts.st_rdev,
            }
    return found


def _sum(path: Path, start: int = 0, end: int | None = None) -> str:
    """SHA-256 of the bytes from `start` to before `end`."""
    digest = hashlib.sha256()
    left = (path.stat().st_size if end is None else end) - start
    with path.open("rb") as file:
        file.seek(start)
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()
