"""What a toy machine boots: a tree of the host's own tools with a shell as init, as a ramdisk and as a disk.

The init understands three things: a marker that makes it restart once, the power button (SIGRTMIN+4), and commands from outside.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from seedvm.base import process

TOOLS = (
    "bash",
    "cat",
    "cp",
    "env",
    "fallocate",
    "ln",
    "ls",
    "lsblk",
    "mkdir",
    "mount",
    "sfdisk",
    "sleep",
    "stat",
    "sync",
    "systemctl",
    "touch",
    "awk",
)
INIT = """#!/bin/bash
trap 'echo the power button; exit 0' RTMIN+4
trap 'systemctl reboot --force --force' RTMIN+5
if [ -e /restart-once ]; then rm -f /restart-once; echo restarting; systemctl reboot --force --force; fi
touch /run/booted
echo "toy runs: $(cat /proc/cmdline)"
while true; do sleep 1000 & wait $!; done
"""


def make_tree(root: Path) -> Path:
    """The tree, from the host's files: nothing is fetched."""
    for folder in ("bin", "sbin", "dev", "proc", "sys", "run", "tmp", "etc", "root", "usr/bin", "usr/sbin", "usr/lib"):
        (root / folder).mkdir(parents=True)
    for tool in (*TOOLS, "rm"):
        found = shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert found is not None, tool
        _take(root, Path(found), root / "usr/bin" / tool)
        (root / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    (root / "bin/sh").symlink_to("bash")
    (root / "etc/os-release").write_text("ID=toy\n")
    init = root / "sbin/init"
    init.write_text(INIT)
    init.chmod(0o755)
    return root


def make_ramdisk(tree: Path, archive: Path) -> None:
    """The tree as a compressed newc archive, as kernels take it."""
    process.run(["bsdtar", "-c", "--gzip", "--format=newc", "-f", archive, "-C", tree, "."], timeout=60)


def write_disk(tree: Path, disk: Path, scratch: Path) -> None:
    """What a deployment leaves: a root file system smaller than the disk, and a partition at its end."""
    root = scratch / "root.ext4"
    process.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-d", tree, root, "128M"], timeout=60)
    process.run(["sfdisk", "--quiet", disk], timeout=60, input="label: gpt\nsize=1MiB\nsize=128MiB,name=root\n")
    process.run(["sgdisk", "--new", "3:-16M:0", disk], timeout=60)
    table = process.run(["sfdisk", "--dump", disk], timeout=60).stdout
    start = [int(found) for found in re.findall(r"start=\s*(\d+)", table)][1]
    with disk.open("r+b") as file:
        file.seek(start * 512)
        file.write(root.read_bytes())


def _take(root: Path, source: Path, target: Path) -> None:
    """A program with the libraries that it is linked to."""
    shutil.copy(source.resolve(), target)
    for library in re.findall(r"(/\S+) \(0x", process.run(["ldd", source.resolve()], timeout=60).stdout):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copy(Path(library).resolve(), place)
