"""What the golden image weighs, and what takes the space in it."""

from __future__ import annotations

import json
from pathlib import Path

from bench.common import Figure
from seedvm.base import process
from seedvm.image.build import ImageSet

LIMIT_MB = 900.0


def size_figure(images: ImageSet, scratch: Path) -> Figure:
    """The compressed qcow2 against the limit; prints what takes the space in the tree, the largest first."""
    small = scratch / "golden.qcow2"
    pack = ["qemu-img", "convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd"]
    process.run([*pack, images.folder / "golden.raw", small], timeout=1800)
    manifest = json.loads((images.folder / "golden.json").read_text())
    for name, mib in manifest["room"].items():
        print(f"  {mib:7.1f} MiB  {name}")
    return Figure("golden image as qcow2", round(small.stat().st_size / 1e6, 1), LIMIT_MB, "limit", "MB", aim=1.0)
