"""How fast the deploy ramdisk's agent puts the golden image on a disk, beside dd from a local file to the same disk.

The agent is the real one: the built ramdisk's tree, and in it the call by which a deployment streams a raw image (fetch by HTTP,
SHA-512 on the way and its comparison, write). The disk is a loop device with direct I/O on a file that is written once beforehand.
Both are timed until the disk has everything (fsync); they take turns, and the median of each counts. Then the agent moves the second
partition table to the disk's end, which dd does not: sgdisk sleeps a second for it, however large the image. Told beside, not counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import statistics
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.common import Figure
from seedvm.base import process
from seedvm.image.build import ImageSet

ROUNDS = 5
LEAST_RATIO = 0.8
AGENT = """
import os, sys, time
from ironic_python_agent import config, disk_utils
from ironic_python_agent.extensions import standby
url, sha512, device = sys.argv[1:]
config.CONF([], project="ironic-python-agent", default_config_files=[])
image = {"id": "bench", "urls": [url], "os_hash_algo": "sha512", "os_hash_value": sha512, "disk_format": "raw"}
extension = standby.StandbyExtension()
extension.partition_uuids = {}
repair = disk_utils.fix_gpt_partition
def written(device, node_uuid):
    with open(device, "rb+") as disk:
        os.fsync(disk.fileno())
    at = time.monotonic()
    repair(device, node_uuid)
    print("seconds", at - began, time.monotonic() - at)
disk_utils.fix_gpt_partition = written
began = time.monotonic()
extension._stream_raw_image_onto_device(image, device)
"""
ROOT = """
for name in dev sys; do mount --rbind "/$name" "$1/$name"; done
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
cat >"$1/tmp/write.py"
exec chroot "$1" python3 /tmp/write.py "$2" "$3" "$4"
"""


def write_figure(images: ImageSet, scratch: Path) -> Figure:
    golden = images.folder.resolve() / "golden.raw"
    agent = _unpacked(images.folder / "ramdisk.initramfs", scratch / "ramdisk")
    with golden.open("rb") as file:  # and from now on it is in memory, for both
        sha512 = hashlib.file_digest(file, "sha512").hexdigest()
    size = golden.stat().st_size / 1e6
    ours: list[float] = []
    theirs: list[float] = []
    with _disk(scratch / "disk", golden.stat().st_size + (64 << 20)) as device, _served(golden) as url:
        for _ in range(ROUNDS):
            theirs.append(size / _dd(golden, device))
            writes, repairs = _agent(agent, url, sha512, device)
            ours.append(size / writes)
            told = f"  dd {theirs[-1]:.0f} MB/s, agent {ours[-1]:.0f} MB/s, and {repairs:.1f} s to repair the table"
            print(f"{told} ({size / (writes + repairs):.0f} MB/s with it)", flush=True)
        _same(golden, device)
    rates = (round(statistics.median(ours), 1), round(statistics.median(theirs), 1))
    return Figure("write by the agent", *rates, "dd", "MB/s", more_is_better=True, aim=LEAST_RATIO)


def _dd(golden: Path, device: str) -> float:
    began = time.monotonic()
    process.run(["dd", f"if={golden}", f"of={device}", "bs=1M", "conv=fsync", "status=none"], timeout=900)
    return time.monotonic() - began


def _agent(root: Path, url: str, sha512: str, device: str) -> tuple[float, float]:
    """Seconds of the write, and of the repair after it."""
    words: list[str | Path] = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "bash",
        "-euc",
        ROOT,
        "bench",
        root,
        url,
        sha512,
        device,
    ]
    said = process.run(words, timeout=900, input=AGENT).stdout
    writes, repairs = said.rpartition("seconds ")[2].split()
    return float(writes), float(repairs)


def _same(golden: Path, device: str) -> None:
    """The agent was the last to write. It moves the second partition table to the disk's end: what is before it must be the image."""
    size = golden.stat().st_size - (1 << 20)
    order = f"cmp --ignore-initial={1 << 20} --bytes={size - (1 << 20)} {shlex.quote(str(golden))} {device}"
    process.run(["bash", "-c", order], timeout=300)


def _unpacked(archive: Path, target: Path) -> Path:
    target.mkdir()
    order = f"set -o pipefail; cd {shlex.quote(str(target))}; zstd -dcq {shlex.quote(str(archive.absolute()))} | cpio -idm --quiet"
    process.run(["bash", "-c", order], timeout=600)
    return target.absolute()


@contextlib.contextmanager
def _disk(file: Path, size: int) -> Iterator[str]:
    """A loop device of `size` bytes, rounded down to MiB, on a file whose blocks are all there."""
    process.run(
        ["dd", "if=/dev/zero", f"of={file}", "bs=1M", f"count={size >> 20}", "conv=fsync", "status=none"], timeout=900
    )
    device = process.run(["losetup", "--find", "--show", "--direct-io=on", file], timeout=30).stdout.strip()
    try:
        yield device
    finally:
        process.run(["losetup", "--detach", device], timeout=30)


class _Send(SimpleHTTPRequestHandler):
    """Sends as a web server for files does, by sendfile."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        self.connection.sendfile(source)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def _served(golden: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Send, directory=str(golden.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{golden.name}"
    finally:
        server.shutdown()
        server.server_close()
