"""The golden image and the deploy ramdisk, built when their inputs have changed and only then.

    elements ── packages ──> layer (cached by package lists) ── templates, scripts, code ──> tree ── audit ──> golden.raw
    elements ──────────────────────────────────────────────────────────────────────────> tree ── audit ──> ramdisk.*

Results lie in `images/<hash>/`; `images/current` points at the newest. It refuses to run twice at once in the same cache, and
never shows a folder that is not complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.capacity import memory_mib
from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import locked
from seedvm.base.json_tree import JSON
from seedvm.image import elements, files
from seedvm.image.audit import audit_tree
from seedvm.image.dib import Workshop, make_layer, make_tree, sweep
from seedvm.image.progress import Say, stage
from seedvm.services import load

GOLDEN_FILES = ("golden.raw", "golden.raw.sha256", "golden.json")
RAMDISK_FILES = ("ramdisk.kernel", "ramdisk.initramfs", "ramdisk.json")
_USUAL = {"packages": 180, "golden tree": 45, "golden image": 30, "ramdisk tree": 120, "ramdisk": 15}
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED_MIB = 10_000
_DISK_NEEDED_MIB = 12_000


@dataclass(frozen=True)
class ImageSet:
    """A complete set of images."""

    folder: Path
    key: str

    def __str__(self) -> str:
        return f"images {self.key}: {self.folder}"


@dataclass(frozen=True)
class ImageStatus:
    """What is built, and whether it is what the sources say now."""

    wanted: str
    current: str | None
    folder: Path

    @property
    def fresh(self) -> bool:
        return self.wanted == self.current

    def as_json(self) -> Mapping[str, JSON]:
        return {"wanted": self.wanted, "current": self.current, "fresh": self.fresh, "folder": str(self.folder)}

    def lines(self) -> list[str]:
        if self.current is None:
            return ["no images yet; run seedvm image build"]
        if not self.fresh:
            return [
                f"images {self.current}: {self.folder}",
                f"the sources have changed since, to {self.wanted}; run seedvm image build",
            ]
        listed = [f"  {path.name} {path.stat().st_size / 1e6:.0f} MB" for path in sorted(self.folder.iterdir())]
        return [f"images {self.current}: {self.folder}", *listed]


def build(
    cache: Path, *, on_progress: Say = lambda _: None, force: bool = False, environment: Mapping[str, str] | None = None
) -> ImageSet:
    """Build what is missing. `force` builds again, with the packages that the archive has today.

    `environment` goes to the build's tools: where packages come from.
    """
    wanted = elements.inputs()
    with _alone(cache, on_progress):
        if force:
            _forget(cache, wanted)
        folder = cache / "images" / wanted.key
        if not _complete(folder):
            _make(cache, wanted, on_progress, environment or {})
            _publish(cache, wanted, folder)
        else:
            on_progress(f"images {wanted.key}: nothing has changed")
        _point(cache, wanted.key)
        _prune(cache, wanted)
    return ImageSet(folder, wanted.key)


def build_golden(
    cache: Path, *, on_progress: Say = lambda _: None, environment: Mapping[str, str] | None = None
) -> Path:
    """The golden image alone, where it lies in the cache: for who measures how long it takes."""
    wanted = elements.inputs()
    with _alone(cache, on_progress):
        _make_golden(cache, wanted, on_progress, environment or {})
    return _made(cache, "golden", wanted.golden_key)


def status(cache: Path) -> ImageStatus:
    """What is there; changes nothing."""
    current = cache / "images" / "current"
    key = current.readlink().name if current.is_symlink() and _complete(current) else None
    return ImageStatus(elements.inputs().key, key, cache / "images" / (key or "current"))


def _make(cache: Path, wanted: elements.Inputs, say: Say, environment: Mapping[str, str]) -> None:
    """Both halves at once: one waits for the network and its disk while the other reckons."""
    if shutil.disk_usage(cache).free >> 20 < _DISK_NEEDED_MIB:
        raise SeedvmError(
            "not enough disk space for the images", why=f"{cache} has less than 12 GB free", hint="free disk space"
        )
    with ThreadPoolExecutor(2) as pool:
        halves = [pool.submit(half, cache, wanted, say, environment) for half in (_make_golden, _make_ramdisk)]
        errors = [error for half in halves if (error := half.exception()) is not None]
    for error in errors[1:]:
        say(f"and: {error}")
    if errors:
        raise errors[0]


def _make_golden(cache: Path, wanted: elements.Inputs, say: Say, environment: Mapping[str, str]) -> None:
    done = _made(cache, "golden", wanted.golden_key)
    if done.exists():
        return
    settings = {**environment, **_settings(cache, wanted)}
    layer = cache / "layers" / f"{wanted.layer_key}.tar.zst"
    layer.parent.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(cache / "dib" / "golden")
    if not layer.exists():
        with stage("golden image, packages", _USUAL["packages"], say) as step:
            make_layer(workshop, elements.LAYER_ELEMENTS, wanted.packages, layer.absolute(), step, **settings)
    with _tree_folder(cache, "golden") as tree, _partial(done) as folder:
        with stage("golden image, elements", _USUAL["golden tree"], say) as step:
            make_tree(workshop, elements.golden_elements(), tree, step, SEEDVM_LAYER=str(layer.absolute()), **settings)
        with stage("golden image, disk", _USUAL["golden image"], say):
            audit_tree(tree)
            files.golden(tree, folder, wanted)
        refuse_changed("golden image", wanted.golden_key, elements.inputs().golden_key)


def _make_ramdisk(cache: Path, wanted: elements.Inputs, say: Say, environment: Mapping[str, str]) -> None:
    done = _made(cache, "ramdisk", wanted.ramdisk_key)
    if done.exists():
        return
    with _tree_folder(cache, "ramdisk") as tree, _partial(done) as folder:
        with stage("deploy ramdisk, packages", _USUAL["ramdisk tree"], say) as step:
            make_tree(Workshop(cache / "dib" / "ramdisk"), elements.RAMDISK_ELEMENTS, tree, step, **environment)
        with stage("deploy ramdisk, archive", _USUAL["ramdisk"], say):
            audit_tree(tree)
            files.ramdisk(tree, folder, wanted)
        refuse_changed("deploy ramdisk", wanted.ramdisk_key, elements.inputs().ramdisk_key)


def refuse_changed(what: str, began: str, now: str) -> None:
    """Raise SeedvmError where the sources' key is another one than when the build began: it would hold some of both under the old name."""
    if now != began:
        raise SeedvmError(
            f"the {what} was discarded",
            why="its sources changed during the build",
            hint="run seedvm image build again",
        )


def _settings(cache: Path, wanted: elements.Inputs) -> dict[str, str]:
    """What the golden image's elements read of our sources, as environment variables with absolute paths."""
    folder = (cache / "dib").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    requirements, services = folder / "requirements.txt", folder / load.MERGED.name
    requirements.write_text(wanted.requirements)
    services.write_text(load.to_json(elements.services()))
    return {
        "SEEDVM_REQUIREMENTS": str(requirements),
        "SEEDVM_SERVICES": str(services),
        "SEEDVM_SOURCE": str(elements.SOURCE),
    }


def _made(cache: Path, kind: str, key: str) -> Path:
    return cache / "made" / f"{kind}-{key}"


@contextlib.contextmanager
def _partial(done: Path) -> Iterator[Path]:
    """A folder that gets its name when it is complete."""
    partial = done.with_name(f"partial-{done.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(done)


def _memory_folder(cache: Path) -> Path:
    """A place in memory for this cache alone: another checkout's build must not sweep it."""
    return _MEMORY / f"seedvm-image-{hashlib.sha256(str(cache.resolve()).encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _tree_folder(cache: Path, kind: str) -> Iterator[Path]:
    """Where a tree is unpacked: in memory when there is plenty of it, else in the cache. Gone afterwards."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >> 20 > _MEMORY_NEEDED_MIB
    base = _memory_folder(cache) if roomy and memory_mib("MemAvailable") > _MEMORY_NEEDED_MIB else cache / "trees"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    tree = base / kind
    try:
        yield tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        with contextlib.suppress(OSError):  # the other half is still there
            base.rmdir()


@contextlib.contextmanager
def _alone(cache: Path, say: Say) -> Iterator[None]:
    """One build at a time; a second one waits. What a killed one left is swept away."""
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "build.lock", lambda: say("waiting for another build of the images")):
        for left in (
            _memory_folder(cache),
            cache / "trees",
            *(cache / "dib" / kind / "tmp" for kind in ("golden", "ramdisk")),
        ):
            if left.exists():
                sweep(left)
        yield


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (*GOLDEN_FILES, *RAMDISK_FILES))


def _publish(cache: Path, wanted: elements.Inputs, folder: Path) -> None:
    """Both halves under one name, by hard links."""
    with _partial(folder) as partial:
        for half, names in (("golden", GOLDEN_FILES), ("ramdisk", RAMDISK_FILES)):
            source = _made(cache, half, wanted.golden_key if half == "golden" else wanted.ramdisk_key)
            for name in names:
                os.link(source / name, partial / name)


def _point(cache: Path, key: str) -> None:
    link = cache / "images" / "current"
    if link.is_symlink() and link.readlink().name == key:
        return
    aside = link.with_name(f".current.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(key)
    aside.replace(link)


def _forget(cache: Path, wanted: elements.Inputs) -> None:
    for folder in (
        cache / "images" / wanted.key,
        _made(cache, "golden", wanted.golden_key),
        _made(cache, "ramdisk", wanted.ramdisk_key),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    (cache / "layers" / f"{wanted.layer_key}.tar.zst").unlink(missing_ok=True)


def _prune(cache: Path, wanted: elements.Inputs) -> None:
    """Keep this build, the one before, and what a machine of a rack runs from."""
    used = _used()
    _keep(cache / "images", lambda path: path.name in ("current", wanted.key) or path.resolve() in used)
    _keep(cache / "made", lambda path: path.name in (f"golden-{wanted.golden_key}", f"ramdisk-{wanted.ramdisk_key}"))
    _keep(cache / "layers", lambda path: path.name == f"{wanted.layer_key}.tar.zst")


def _used() -> set[Path]:
    """Folders with a file that a loop device stands on."""
    files = Path("/sys/block").glob("loop*/loop/backing_file")
    return {Path(file.read_text().strip()).parent for file in files if file.exists()}


def _keep(folder: Path, needed: Callable[[Path], bool]) -> None:
    others = [path for path in folder.iterdir() if not needed(path)]
    for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[1:]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
