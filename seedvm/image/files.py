"""From a finished tree to the files that Ironic takes, with their sums and a manifest of what is in them.

It refuses a ramdisk without a kernel.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import gpt, manifest, times
from seedvm.image.elements import SOURCE, Inputs
from seedvm.image.manifest import DiskLayout, FileSum, GoldenManifest, RamdiskManifest

IDENTITY = "etc/seedvm-image.json"
_TOLD = 25
_NODES = (("console", "c", 5, 1, 0o600), ("null", "c", 1, 3, 0o666))


def golden(tree: Path, folder: Path, inputs: Inputs) -> None:
    """golden.raw, its sum and its manifest into `folder`."""
    name = f"seedvm-{inputs.golden_key}"
    (tree / IDENTITY).write_text(json.dumps({"name": name, "hash": inputs.golden_key}) + "\n")
    plan = gpt.layout(gpt.tree_bytes(tree), inputs.golden_key)
    image = folder / "golden.raw"
    gpt.assemble(tree, image, plan)
    listed = FileSum.of(image)
    (folder / "golden.raw.sha256").write_text(f"{listed.sha256}  golden.raw\n")
    made = GoldenManifest(
        name=name,
        hash=inputs.golden_key,
        key=inputs.golden_key,
        commit=commit(),
        files={"golden.raw": listed},
        disk=DiskLayout(plan.uuid, plan.root_file_system, plan.partitions),
        rooms=tuple(inputs.elements),
        room=room(tree),
        reproducible=times.REPRODUCIBLE,
        packages=debian_packages(tree),
        python=python_packages(tree),
    )
    manifest.write(folder / "golden.json", made)


def ramdisk(tree: Path, folder: Path, inputs: Inputs) -> None:
    """ramdisk.kernel, ramdisk.initramfs and their manifest into `folder`."""
    kernels = sorted(tree.glob("boot/vmlinuz-*"))
    if not kernels:
        raise SeedvmError(
            "the deploy ramdisk has no kernel",
            why="/boot/vmlinuz-* is missing",
            hint="check that an element installs linux-image-amd64",
        )
    kernel, initramfs = folder / "ramdisk.kernel", folder / "ramdisk.initramfs"
    kernel.write_bytes(kernels[-1].read_bytes())
    (tree / IDENTITY).write_text(
        json.dumps({"name": f"seedvm-ramdisk-{inputs.ramdisk_key}", "hash": inputs.ramdisk_key}) + "\n"
    )
    _add_nodes(tree)
    times.clamp(tree)
    packed = "find . -path ./boot -prune -o -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --quiet --reproducible"
    order = f"set -o pipefail; cd {shlex.quote(str(tree))}; {packed} | zstd -q -3 -T2 -f -o {shlex.quote(str(initramfs.absolute()))}"
    process.run(["bash", "-c", order], timeout=600)
    made = RamdiskManifest(
        name=f"seedvm-ramdisk-{inputs.ramdisk_key}",
        hash=inputs.ramdisk_key,
        key=inputs.ramdisk_key,
        commit=commit(),
        files={"ramdisk.kernel": FileSum.of(kernel), "ramdisk.initramfs": FileSum.of(initramfs)},
        packages=debian_packages(tree),
    )
    manifest.write(folder / "ramdisk.json", made)


def room(tree: Path) -> dict[str, float]:
    """MiB that the largest folders of a tree take, three names deep, the largest first; "everything" is the sum."""
    taken: dict[str, int] = {}
    for folder, _, files in os.walk(tree):
        top = "/".join(Path(folder).relative_to(tree).parts[:3]) or "."
        taken[top] = taken.get(top, 0) + sum(os.lstat(f"{folder}/{name}").st_size for name in files)
    largest = sorted(taken.items(), key=lambda one: -one[1])[:_TOLD]
    everything = round(sum(taken.values()) / (1 << 20), 1)
    return {"everything": everything, **{f"/{top}": round(size / (1 << 20), 1) for top, size in largest}}


def debian_packages(tree: Path) -> dict[str, str]:
    """Names and versions of what dpkg holds for installed."""
    found: dict[str, str] = {}
    for paragraph in (tree / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and not line.startswith(" ")
        )
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return dict(sorted(found.items()))


def python_packages(tree: Path) -> dict[str, str]:
    """Names and versions in /opt/seedvm."""
    locked = tree / "opt/seedvm/requirements.lock"
    lines = locked.read_text().splitlines() if locked.exists() else []
    return dict(line.split("==", 1) for line in lines if "==" in line)


def commit() -> str | None:
    """The commit that the tree stands on; None outside a checkout."""
    said = process.run(["git", "-C", SOURCE, "describe", "--always", "--dirty", "--abbrev=12"], timeout=20, check=False)
    return said.stdout.strip() or None


def _add_nodes(tree: Path) -> None:
    """The two nodes that the kernel opens before anybody mounts /dev."""
    for name, _, major, minor, mode in _NODES:
        path = tree / "dev" / name
        path.unlink(missing_ok=True)
        os.mknod(path, 0o020000 | mode, os.makedev(major, minor))
        path.chmod(mode)
