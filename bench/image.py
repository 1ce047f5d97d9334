"""The golden image: how long its build takes beside the bare lower bound, and how large it is, with a table of what takes the room.

The lower bound is mmdebstrap of the same packages from the same mirror, and mke2fs of the tree: no rooms, no checks, no ramdisk.
Both begin with nothing but the mirror. `--size-only` measures what is built already. Root; build/ needs 15 GB of room.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.common import Figure, run_bench
from seedvm import proc
from seedvm.image.build import ImageSet, build

CACHE = Path("build/cache")
LIMIT_MB = 900.0
LEAST_RATIO = 1 / 1.5
BASE = ("apt", "busybox", "sudo", "gnupg2", "python3", "netbase", "linux-image-amd64", "systemd-sysv", "tzdata")


def main() -> int:
    return run_bench("image", "the golden image's build time and size", measure, arguments)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size-only", action="store_true", help="do not build, weigh what is there")


def measure(options: argparse.Namespace) -> Sequence[Figure]:
    with tempfile.TemporaryDirectory(dir="build", prefix="bench-") as scratch:
        if options.size_only:
            return [size(build(CACHE), Path(scratch))]
        begin = time.monotonic()
        images = build(Path(scratch) / "cache", on_progress=lambda line: print(line, flush=True))
        ours = time.monotonic() - begin
        theirs = lower_bound(images, Path(scratch))
        took = Figure(
            "build from nothing", round(ours, 1), round(theirs, 1), "mmdebstrap + mke2fs", "s", aim=LEAST_RATIO
        )
        return [took, size(images, Path(scratch))]


def lower_bound(images: ImageSet, scratch: Path) -> float:
    """Seconds for the same packages in the same versions, as a file system."""
    packages = json.loads((images.folder / "golden.json").read_text())["packages"]
    ask = ". elements/debian-os/environment.d/05-debian-os.bash; echo $DIB_DISTRIBUTION_MIRROR $DIB_DEBIAN_SECURITY_MIRROR"
    mirrors = proc.run(["bash", "-euc", ask], timeout=60).stdout.split()
    suites = ("trixie", "trixie-updates", "trixie-security")
    sources = [
        f"deb {mirror} {suite} main non-free-firmware"
        for mirror, suite in zip((mirrors[0], *mirrors), suites, strict=True)
    ]
    tree, image = scratch / "tree", scratch / "bare.ext4"
    begin = time.monotonic()
    include = f"--include={','.join(sorted({*packages, *BASE}))}"
    proc.run(["mmdebstrap", "--variant=apt", include, "trixie", tree, *sources], timeout=3600)
    proc.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image, "6G"], timeout=900)
    return time.monotonic() - begin


def size(images: ImageSet, scratch: Path) -> Figure:
    """The compressed qcow2 against the limit; prints what takes the room in the tree, the largest first."""
    small = scratch / "golden.qcow2"
    pack = ["qemu-img", "convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd"]
    proc.run([*pack, images.folder / "golden.raw", small], timeout=1800)
    manifest = json.loads((images.folder / "golden.json").read_text())
    for name, mib in manifest["room"].items():
        print(f"  {mib:7.1f} MiB  {name}")
    return Figure("golden image as qcow2", round(small.stat().st_size / 1e6, 1), LIMIT_MB, "limit", "MB", aim=1.0)


if __name__ == "__main__":
    raise SystemExit(main())
