"""`python -m bench.image [build] [size] [write] [--offline DIR] [--json]`: all three parts where none is named."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.common import Figure, run_bench
from bench.image.build import build_figures
from bench.image.size import size_figure
from bench.image.write import write_figure
from seedvm.image.build import build

CACHE = Path("build/cache")
PARTS = ("build", "size", "write")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help="build, size, write (default: all)")
    parser.add_argument("--offline", type=Path, metavar="DIR", help="every builder takes packages from this mirror")


def measure(options: argparse.Namespace) -> Sequence[Figure]:
    parts = options.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}")
    Path("build").mkdir(exist_ok=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir="build", prefix="bench-") as scratch:
        print(f"load before: {' '.join(f'{one:.2f}' for one in os.getloadavg())}", flush=True)
        if "build" in parts:
            figures += build_figures(Path(scratch), options.offline)
        if "size" in parts:
            figures.append(size_figure(build(CACHE), Path(scratch)))
        if "write" in parts:
            figures.append(write_figure(build(CACHE), Path(scratch)))
        print(f"load after: {' '.join(f'{one:.2f}' for one in os.getloadavg())}", flush=True)
    return figures


if __name__ == "__main__":
    raise SystemExit(run_bench("image", "the golden image: build, size, write", measure, arguments))
