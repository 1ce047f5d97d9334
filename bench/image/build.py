"""How long it takes to make the golden image of nothing but packages, by us and by others.

The peer runs the elements that say what is in the image, not those by which we make it (tree-output, layer, at-once).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.common import Figure
from seedvm.base import process
from seedvm.image import dib, elements
from seedvm.image.build import build_golden
from seedvm.image.mirror import mirrors
from seedvm.image.offline import served

LEAST_RATIO = 1 / 1.5
MEMORY = Path("/dev/shm")
ELEMENTS = ("debian-os", *(one for one in elements.golden_elements() if one not in ("tree-output", "layer")))
LIMIT_SECONDS = 3600


def build_figures(scratch: Path, offline: Path | None) -> Sequence[Figure]:
    with contextlib.ExitStack() as stack:
        environment = dict(stack.enter_context(served(offline))) if offline else _online()
        for path in offline.rglob("*") if offline else ():  # the first to read it would pay for the others
            if path.is_file():
                path.read_bytes()
        began = time.monotonic()
        golden = build_golden(
            scratch / "cache", on_progress=lambda line: print(line, flush=True), environment=environment
        )
        ours = time.monotonic() - began
        bare = lower_bound(golden, environment)
        peer, theirs = disk_image_create(scratch / "dib", scratch / "cache", environment)
    return [
        Figure("build from nothing", round(ours, 1), round(bare, 1), "mmdebstrap + mke2fs", "s", aim=LEAST_RATIO),
        Figure("build from nothing", round(ours, 1), round(theirs, 1), peer, "s", aim=1.0),
    ]


def _online() -> dict[str, str]:
    debian, security = mirrors()
    return {"SEEDVM_DEBIAN_MIRROR": debian, "SEEDVM_DEBIAN_SECURITY_MIRROR": security}


def lower_bound(golden: Path, environment: Mapping[str, str]) -> float:
    """Seconds for the same packages as a file system: no elements, no libraries from PyPI, no boot loader, no checks, no sums."""
    packages = json.loads((golden / "golden.json").read_text())["packages"]
    mirror = (environment["SEEDVM_DEBIAN_MIRROR"], environment["SEEDVM_DEBIAN_SECURITY_MIRROR"])
    suites = ("trixie", "trixie-updates", "trixie-security")
    sources = [
        f"deb {place} {suite} main non-free-firmware" for place, suite in zip((mirror[0], *mirror), suites, strict=True)
    ]
    left_out = (elements.SOURCE / "elements/debian-os/root.d/40-leave-out").read_text().splitlines()
    options = [f"--dpkgopt={line}" for line in left_out if line.startswith("path-")]
    with _tree() as tree:
        began = time.monotonic()
        words: list[str | Path] = [
            "mmdebstrap",
            "--variant=apt",
            f"--include={','.join(packages)}",
            *options,
            "trixie",
            tree,
            *sources,
        ]
        process.run(words, timeout=LIMIT_SECONDS)
        process.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, golden.parent / "bare.ext4", "6G"], timeout=900)
        took = time.monotonic() - began
    print(f"mmdebstrap and mke2fs of {len(packages)} packages: done in {took:.0f} s", flush=True)
    return took


def disk_image_create(folder: Path, cache: Path, environment: Mapping[str, str]) -> tuple[str, float]:
    """What was run, and its seconds: one ordinary run with the same elements, to a raw disk.

    `vm` makes partitions with device-mapper. Where there is none, the nearest is measured: the same disk without a partition table
    and without a boot loader, which is less work.
    """
    words = [*ELEMENTS, "peer-locale", *(["vm"] if _device_mapper() else [])]
    peer = f"disk-image-create -t raw{' vm' if words[-1] == 'vm' else ''}"
    workshop = dib.Workshop(folder)
    workshop.scratch.mkdir(parents=True)
    ours = {
        "SEEDVM_REQUIREMENTS": str((cache / "dib" / "requirements.txt").absolute()),
        "SEEDVM_SERVICES": str((cache / "dib" / "services.json").absolute()),
        "SEEDVM_SOURCE": str(elements.SOURCE),
        "ELEMENTS_PATH": f"{elements.SOURCE / 'elements'}:{Path(__file__).parent / 'elements'}",
    }
    command: list[str | Path] = [dib.tool(), "-n", "-t", "raw", "-o", folder.absolute() / "peer", *words]
    began = time.monotonic()
    try:
        process.stream(
            process.Command(command, env=dib.environment(workshop, {**environment, **ours}), cwd=elements.SOURCE),
            lambda _: None,
            timeout=LIMIT_SECONDS,
        )
        took = time.monotonic() - began
    finally:
        dib.sweep(workshop.scratch)
    print(f"{peer}: done in {took:.0f} s", flush=True)
    return peer, took


def _device_mapper() -> bool:
    return process.run(["dmsetup", "version"], timeout=20, check=False).returncode == 0


@contextlib.contextmanager
def _tree() -> Iterator[Path]:
    """A place for a tree, in memory as ours is. mmdebstrap lets others read it, as it must be for apt's own user."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="seedvm-bench-"))
    folder.chmod(0o755)
    try:
        yield folder / "tree"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
