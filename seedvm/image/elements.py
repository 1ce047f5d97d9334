"""The elements (elements/) of each image, what they ask for, and the hash of all that goes in: the same inputs, the same name.

It refuses an element that does not exist. Time, mirrors and the state of the Debian archive are not inputs: `--force` builds again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.services import load
from seedvm.services.model import Services

SOURCE = Path(__file__).resolve().parents[2]
_ELEMENTS = "elements"
# What the packages' layer is made of; the second run adds everything else.
LAYER_ELEMENTS = ("tree-output", "at-once", "debian-os", "seedvm-python")
# Elements that declare a service (service.yaml) come beside.
_GOLDEN_ELEMENTS = ("tree-output", "layer", "undercloud-base", "undercloud", "seedvm")
RAMDISK_ELEMENTS = ("tree-output", "deploy-ramdisk")
# Our code that a machine runs. The virtual rack and the image's own build stay on the operator's desk.
_CODE = ("seedvm", "tui", "appliance")
_STAYS = ("seedvm/rack", "seedvm/image", "seedvm/host")
_MAKER = ("files.py", "gpt.py", "times.py")
_IGNORED = ("__pycache__",)


@dataclass(frozen=True)
class Inputs:
    """What one build is made from."""

    packages: tuple[str, ...]
    requirements: str  # requirements/image.txt, what pip installs in /opt/seedvm
    elements: tuple[str, ...]
    layer_key: str
    golden_key: str
    ramdisk_key: str

    @property
    def key(self) -> str:
        """The name of the whole set of files."""
        return _digest([self.golden_key, self.ramdisk_key])


def inputs(source: Path = SOURCE) -> Inputs:
    """Read everything that goes in."""
    golden = _with_dependencies(source, golden_elements(source))
    ramdisk = _with_dependencies(source, RAMDISK_ELEMENTS)
    layer = _with_dependencies(source, LAYER_ELEMENTS)
    packages = tuple(sorted({name for element in {*golden, *layer} for name in _packages(source, element)}))
    requirements = (source / "requirements/image.txt").read_text()
    tool = importlib.metadata.version("diskimage-builder")
    layer_key = _digest([tool, *packages, requirements, *_element_digests(source, layer)])
    return Inputs(
        packages=packages,
        requirements=requirements,
        elements=tuple(sorted({*golden, *layer})),
        layer_key=layer_key,
        golden_key=_digest(
            [layer_key, *_element_digests(source, golden), *_code_digests(source), _maker_digest(source)]
        ),
        ramdisk_key=_digest([tool, *_element_digests(source, ramdisk), _maker_digest(source)]),
    )


def golden_elements(source: Path = SOURCE) -> tuple[str, ...]:
    """What the golden image is made of: an element that declares a service is in it without being listed anywhere else."""
    return tuple(dict.fromkeys([*_GOLDEN_ELEMENTS, *(path.name for path in load.declaring(source / _ELEMENTS))]))


def services(source: Path = SOURCE) -> Services:
    """What the golden image's elements declare; declarations that are missing or disagree are a SeedvmError that names them."""
    return load.from_elements(
        source / _ELEMENTS / element for element in _with_dependencies(source, golden_elements(source))
    )


def code_files(source: Path = SOURCE) -> Iterable[Path]:
    """Our code as it goes into the image, below `source`."""
    for top in _CODE:
        for path in _files(source / top):
            if not str(path.relative_to(source)).startswith(tuple(f"{name}/" for name in _STAYS)):
                yield path


def _with_dependencies(source: Path, names: Iterable[str]) -> tuple[str, ...]:
    """These elements and our own that they need, sorted; diskimage-builder's own are known by its version."""
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        element = ahead.pop()
        folder = source / _ELEMENTS / element
        if element in found or not folder.is_dir():
            if element in names and not folder.is_dir():
                raise SeedvmError(
                    f"there is no element {element}",
                    why=f"{folder} is missing",
                    hint="check that the source tree is complete",
                )
            continue
        found.add(element)
        needs = folder / "element-deps"
        ahead += needs.read_text().split() if needs.exists() else []
    return tuple(sorted(found))


def _packages(source: Path, element: str) -> tuple[str, ...]:
    listed = source / _ELEMENTS / element / "package-installs.yaml"
    if not listed.exists():
        return ()
    tree = yaml.safe_load(listed.read_text()) or {}
    if not isinstance(tree, dict):
        raise SeedvmError(
            f"{listed} is not a list of packages", why="it is not a mapping", hint="write one package per line: `name:`"
        )
    return tuple(str(name) for name in tree)


def _element_digests(source: Path, names: Iterable[str]) -> list[str]:
    return [_folder_digest(source, _files(source / _ELEMENTS / element)) for element in names]


def _code_digests(source: Path) -> list[str]:
    return [_folder_digest(source, code_files(source))]


def _maker_digest(source: Path) -> str:
    """What makes files of a tree."""
    return _folder_digest(source, (source / "seedvm/image" / name for name in _MAKER))


def _folder_digest(source: Path, files: Iterable[Path]) -> str:
    lines = []
    for path in files:
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        executable = "x" if path.lstat().st_mode & 0o100 else "-"
        lines.append(f"{path.relative_to(source)} {executable} {hashlib.sha256(content).hexdigest()}")
    return _digest(lines)


def _files(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        if (path.is_file() or path.is_symlink()) and not any(part in _IGNORED for part in path.parts):
            yield path


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
