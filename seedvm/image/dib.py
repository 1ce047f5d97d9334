"""diskimage-builder, as this project calls it: elements in, a root tree out, by way of a pipe.

`disk-image-create -t tar` writes its tar file into a named pipe, and what reads there makes a tree or a packed layer of it, so
that two gigabytes are written once and not three times. It refuses a run whose reader did not get to the end.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import install, process
from seedvm.base.capacity import memory_mib
from seedvm.base.errors import SeedvmError
from seedvm.image import times
from seedvm.image.elements import SOURCE
from seedvm.image.progress import Stage

_LIMIT_SECONDS = 3600
_MEMORY_FOR_TMPFS_MIB = 8000


@dataclass(frozen=True)
class Workshop:
    """Folders of one run; each kind of image has its own, since apt locks its cache."""

    folder: Path

    @property
    def scratch(self) -> Path:
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def make_tree(workshop: Workshop, elements: Sequence[str], tree: Path, stage: Stage, **settings: str) -> None:
    """Run the elements and unpack their tree into `tree` (emptied first)."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    _run(workshop, elements, unpacker(tree), (), stage, settings)
    for name, mode in (("proc", 0o555), ("sys", 0o555), ("dev", 0o755)):
        (tree / name).mkdir(exist_ok=True)
        (tree / name).chmod(mode)


def unpacker(tree: Path) -> list[str]:
    """The command that unpacks into `tree`; the pipe's name comes behind it.

    /dev of the builder's machine is in the tar file: device nodes are made by who boots the tree. The pipe is read to its very
    end (--ignore-zeros): a reader that leaves at the end mark breaks it under a writer that is still filling its last record.
    """
    kept = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--exclude=./dev/*"]
    return ["tar", "-C", str(tree), *kept, "--ignore-zeros", "-xf"]


def make_layer(
    workshop: Workshop, elements: Sequence[str], packages: Sequence[str], layer: Path, stage: Stage, **settings: str
) -> None:
    """Run the elements with these packages beside; the packed tree is at `layer` (.tar.zst) when all went well."""
    partial = layer.with_name(f"partial-{layer.name}")
    _run(workshop, elements, ["zstd", "-q", "-f", "-1", "-T2", "-o", str(partial)], packages, stage, settings)
    partial.rename(layer)


def sweep(folder: Path) -> None:
    """Undo what a killed run left: its mounts below `folder`, then the folder."""
    root = str(folder.resolve())
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one == root or one.startswith(f"{root}/")), reverse=True):
        process.run(["umount", "--lazy", mount], timeout=30)
    shutil.rmtree(folder, ignore_errors=True)


def _run(
    workshop: Workshop,
    elements: Sequence[str],
    reader: Sequence[str],
    packages: Sequence[str],
    stage: Stage,
    settings: Mapping[str, str],
) -> None:
    sweep(workshop.scratch)
    workshop.scratch.mkdir(parents=True)
    pipe = workshop.scratch / "tree.tar"
    os.mkfifo(pipe)
    words: list[str | Path] = [tool(), "-n", "-t", "tar", "-o", workshop.scratch / "tree"]
    words += ["-p", ",".join(packages)] if packages else []
    log = workshop.log
    log.parent.mkdir(parents=True, exist_ok=True)
    read = process.spawn([*reader, pipe], log=log.with_suffix(".reader"))
    try:
        with log.open("w") as lines:

            def heard(line: str) -> None:
                print(line, file=lines, flush=True)
                stage.heard(line)

            done = process.stream(
                process.Command([*words, *elements], env=environment(workshop, settings)),
                heard,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            raise SeedvmError(stage.title + " failed", why=_cause(done.stdout), hint=f"see the whole log: {log}")
        if read.wait(timeout=60) != 0:
            raise SeedvmError(
                "the finished tree was not read completely", why=f"{reader[0]} failed", hint=f"check {log}.reader"
            )
    finally:
        process.stop(read)
        sweep(workshop.scratch)


def tool() -> Path:
    """disk-image-create of this program's own environment."""
    tool = Path(sys.executable).with_name("disk-image-create")
    if not tool.exists():
        raise SeedvmError(
            "diskimage-builder is missing", why=f"{tool} is not there", hint=install.package("diskimage_builder")
        )
    return tool


def environment(workshop: Workshop, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of diskimage-builder."""
    in_memory = memory_mib("MemAvailable") >= _MEMORY_FOR_TMPFS_MIB
    return {
        "ELEMENTS_PATH": str(SOURCE / "elements"),
        "TMP_DIR": str(workshop.scratch),
        "DIB_IMAGE_CACHE": str(workshop.folder / "cache"),
        "DIB_LOCKFILES": str(workshop.folder / "locks"),
        "DIB_MANIFEST_SAVE_DIR": str(workshop.scratch / "manifests"),
        "DIB_NO_TMPFS": "0" if in_memory else "1",
        "DIB_DEBUG_TRACE": "0",
        "DEBIAN_FRONTEND": "noninteractive",
        "SOURCE_DATE_EPOCH": str(times.epoch()),
        **settings,
    }


def _cause(output: str) -> str:
    """The lines before diskimage-builder began to clean up after the failure."""
    lines = [line.partition(" | ")[2] or line for line in output.splitlines()]
    end = next(
        (index for index, line in enumerate(lines) if index and line.startswith("Unmount ") and _failing(lines, index)),
        len(lines),
    )
    return "\n".join(lines[max(0, end - 15) : end])


def _failing(lines: Sequence[str], index: int) -> bool:
    """Whether this unmounting is the last: nothing but clean-up follows."""
    return not any("dib-run-parts" in line for line in lines[index:])
