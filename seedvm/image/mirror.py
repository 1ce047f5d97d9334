"""Fills the folder that a build without the network takes its packages from (seedvm/image/offline.py).

The folder is filled by a build: what its tools ask for is fetched from the mirrors of this machine, kept in the folder and handed on;
what the build did not ask for is removed at the end. So it holds what a build needs and nothing else, as Debian signed it, and there was a
build from it. Wheels are fetched by pip beforehand, and the build has no other ones. It refuses to mix two states of an archive: an index
is fetched once for the whole build.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import elements
from seedvm.image.offline import serving
from seedvm.image.progress import Say, stage

_ENVIRONMENT = "elements/debian-os/environment.d/05-debian-os.bash"
_PYTHON = "3.13"  # that of trixie
_GLIBC = range(41, 4, -1)  # minor versions that trixie's takes wheels of (PEP 600), as its pip prefers them
_TOPS = ("debian", "debian-security")
_FILE_SECONDS = 600
_USUAL_WHEELS = 30


@contextlib.contextmanager
def filling(folder: Path, say: Say) -> Iterator[Mapping[str, str]]:
    """Keep in `folder` what a build asks for; what the build's tools need, as environment.

    When the build went well, what it did not ask for is gone from the folder. After a failure it stays: the next try fetches less.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with stage("wheels", _USUAL_WHEELS, say):
        _fetch_wheels(folder)
    kept = Kept(folder, dict(zip(_TOPS, mirrors(), strict=True)))
    with serving(folder, kept.need) as environment:
        yield environment
    kept.leave_out_the_rest()


def mirrors() -> tuple[str, str]:
    """Where this machine takes Debian's packages and its security updates from, as a build finds it."""
    folder = Path(
        process.run(
            [sys.executable, "-c", "import diskimage_builder as d; print(d.__path__[0])"], timeout=60
        ).stdout.strip()
    )
    theirs = folder / "elements/debian-minimal/environment.d/10-debian-minimal.bash"
    ask = f". {elements.SOURCE / _ENVIRONMENT}; . {theirs}; echo $DIB_DISTRIBUTION_MIRROR $DIB_DEBIAN_SECURITY_MIRROR"
    debian, security = process.run(["bash", "-ec", ask], timeout=60).stdout.split()
    return debian.rstrip("/"), security.rstrip("/")


class Kept:
    """What of the mirrors is in the folder, and what of it a build has asked for. `mirrors`: folder's name -> address."""

    def __init__(self, folder: Path, mirrors: Mapping[str, str]) -> None:
        self._folder = folder
        self._mirrors = mirrors
        self._asked: set[Path] = set()
        self._locks: dict[Path, threading.Lock] = {}
        self._lock = threading.Lock()

    def need(self, path: Path) -> None:
        """Have the file at `path`, unless its mirror has none. SeedvmError when the mirror does not answer."""
        name = path.relative_to(self._folder)
        if name.parts[:1] not in tuple((top,) for top in _TOPS):
            return
        with self._lock:
            alone = self._locks.setdefault(path, threading.Lock())
        with alone:
            lasting = "pool" in name.parts or "by-hash" in name.parts
            if path not in self._asked and not (lasting and path.is_file()):
                self._fetch(f"{self._mirrors[name.parts[0]]}/{name.relative_to(name.parts[0])}", path)
            self._asked.add(path)

    def _fetch(self, url: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        words = [
            "curl",
            "--silent",
            "--show-error",
            "--location",
            "--remote-time",
            "--write-out",
            "%{http_code}",
            "--output",
        ]
        said = process.run([*words, partial, url], timeout=_FILE_SECONDS).stdout
        if said == "404":
            partial.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            return
        if said != "200":
            raise SeedvmError(
                f"could not download {url}", why=f"HTTP {said}", hint="run again, or set another SEEDVM_DEBIAN_MIRROR"
            )
        partial.replace(path)

    def leave_out_the_rest(self) -> None:
        for top in _TOPS:
            for folder, folders, files in os.walk(self._folder / top, topdown=False):
                for name in files:
                    if Path(folder, name) not in self._asked:
                        Path(folder, name).unlink()
                for name in folders:
                    with contextlib.suppress(OSError):  # not empty
                        Path(folder, name).rmdir()


def _fetch_wheels(folder: Path) -> None:
    """The wheels of our requirements for the image's Python, which need not be that of this machine."""
    fresh = folder / "pypi.partial"
    shutil.rmtree(fresh, ignore_errors=True)
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in _GLIBC]
    platforms += [
        f"--platform={name}" for name in ("manylinux2014_x86_64", "manylinux1_x86_64", "manylinux2010_x86_64", "any")
    ]
    abis = [f"--abi={name}" for name in (f"cp{_PYTHON.replace('.', '')}", "abi3", "none")]
    how = ["--only-binary=:all:", "--implementation=cp", f"--python-version={_PYTHON}", *abis, *platforms]
    words = [sys.executable, "-m", "pip", "download", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    pinned: list[str | Path] = [
        "--no-deps",
        "--require-hashes",
        "--requirement",
        elements.SOURCE / "requirements/image.txt",
    ]
    process.run([*words, *how, "--dest", fresh, *pinned], timeout=900)
    shutil.rmtree(folder / "pypi", ignore_errors=True)
    fresh.rename(folder / "pypi")


def weigh(folder: Path) -> str:
    """What is in the folder, in a line."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    count = {ending: sum(path.suffix == ending for path in files) for ending in (".deb", ".whl")}
    if not all(count.values()):
        raise SeedvmError(f"{folder} was not filled", why="the build fetched nothing", hint="report it as a defect")
    size = sum(path.stat().st_size for path in files) / 1e6
    return f"{folder}: {count['.deb']} packages of Debian, {count['.whl']} wheels, {size:.0f} MB"
