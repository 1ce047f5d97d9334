"""The seed appliance: the golden image as it is, told to be the seed, with what it hands on in a partition of its own.

    golden.raw ── the same bytes ──> appliance.raw ──> appliance.qcow2
                  ESP: /seedvm/options.cfg puts `seedvm.seed` on the kernel's command line
                  partition `images`: deploy ramdisk, manifests, and of golden.raw what is not the appliance's own root

The golden image is in it once: root is the same, so the appliance puts golden.raw together from its own disk at the first boot
(elements/state, `carried-images`). It refuses another architecture than the one it runs on.
"""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import manifest, sbom
from seedvm.image.build import ImageSet
from seedvm.image.manifest import (
    ApplianceDisk,
    ApplianceManifest,
    CarriedPlace,
    FileSum,
    GoldenManifest,
    RamdiskManifest,
)
from seedvm.image.progress import Say, stage
from seedvm.image.times import clamp, fake_time, settle

NAME = "seedvm-appliance"
ARCHITECTURES = {"amd64": "x86_64"}
# What an appliance for another architecture lacks.
_FOREIGN = {
    "arm64": "still missing: its kernel among the elements' packages (linux-image-arm64), its boot program (grub-efi-arm64, BOOTAA64.EFI),"
    " its root's partition type (gpt.py), a virtual rack whose machines are arm64, and a machine to try it on",
}
OPTIONS = "set seedvm_options=seedvm.seed\n"
# A virtual disk is as large as the laptop's VM needs it; the state takes what is there.
QCOW2_GIB = 40
_MIB = 1 << 20
_CARRIED = ("golden.json", "golden.raw.sha256", "ramdisk.kernel", "ramdisk.initramfs", "ramdisk.json")
_USUAL = {"raw": 15, "qcow2": 90}


@dataclass(frozen=True)
class Appliance:
    """A complete appliance: raw and qcow2 with their sums, a manifest and a bill of materials."""

    folder: Path
    key: str

    @property
    def raw(self) -> Path:
        return self.folder / f"{NAME}.raw"

    @property
    def qcow2(self) -> Path:
        return self.folder / f"{NAME}.qcow2"

    def lines(self) -> list[str]:
        """Its files with their sizes, for a terminal."""
        listed = [f"  {path.name} {path.stat().st_size / 1e6:.0f} MB" for path in sorted(self.folder.iterdir())]
        return [f"appliance {self.key}: {self.folder}", *listed]


def refuse_foreign(arch: str) -> None:
    """SeedvmError when an appliance for `arch` cannot be built here."""
    machine = ARCHITECTURES.get(arch)
    if machine is None:
        known = ", ".join(ARCHITECTURES)
        raise SeedvmError(
            f"there is no appliance for {arch}",
            why=_FOREIGN.get(arch, "this architecture is not supported"),
            hint=f"--arch {known}",
        )
    if platform.machine() != machine:
        raise SeedvmError(
            f"an appliance for {arch} cannot be built here",
            why=f"packages are set up by running them, but this machine is {platform.machine()}",
            hint=f"build it on a machine with {machine}",
        )


def make(images: ImageSet, cache: Path, *, on_progress: Say = lambda _: None) -> Appliance:
    """The appliance of these images; what is there already is left as it is."""
    folder = cache / "appliance" / images.key
    done = Appliance(folder, images.key)
    if _carried(folder) == _built(images):
        on_progress(f"appliance {images.key}: nothing has changed")
        return done
    golden = manifest.read(GoldenManifest, images.folder / "golden.json")
    partial = folder.with_name(f"partial-{images.key}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    raw, qcow2 = partial / done.raw.name, partial / done.qcow2.name
    with stage("appliance, disk", _USUAL["raw"], on_progress):
        disk = _make_raw(images.folder, golden, raw)
    with stage("appliance, qcow2", _USUAL["qcow2"], on_progress):
        _make_qcow2(raw, qcow2)
    _describe(partial, golden, disk, (raw, qcow2), _built(images))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    _prune(folder)
    return done


def _built(images: ImageSet) -> Mapping[str, FileSum]:
    """Sums of what an appliance of these images carries."""
    golden = manifest.read(GoldenManifest, images.folder / "golden.json")
    return {**golden.files, **manifest.read(RamdiskManifest, images.folder / "ramdisk.json").files}


def _carried(folder: Path) -> Mapping[str, FileSum]:
    """Sums of what the appliance in `folder` carries: images that were built again have the old key and other bytes."""
    path = folder / f"{NAME}.json"
    try:
        return manifest.read(ApplianceManifest, path).carries
    except SeedvmError:
        return {}  # none yet, or one that is made again


def _make_raw(images: Path, golden: GoldenManifest, raw: Path) -> ApplianceDisk:
    """The raw disk; where its partitions lie."""
    root = golden.disk.partition("root")
    scratch = raw.with_suffix(".carried")
    scratch.mkdir()
    for name in _CARRIED:
        shutil.copyfile(images / name, scratch / name)
    end = root.start + root.size
    _pack(images / "golden.raw", 0, root.start, scratch / "golden.head.gz")
    _pack(images / "golden.raw", end, (images / "golden.raw").stat().st_size, scratch / "golden.tail.gz")
    inodes = clamp(scratch)
    size = sum(path.stat().st_size for path in scratch.iterdir())
    size = -(-int(size * 1.02 + 8 * _MIB) // _MIB) * _MIB
    disk = uuid.UUID(golden.disk.uuid)
    ids = {name: str(uuid.uuid5(disk, name)) for name in ("images", "images file system")}
    process.run(["cp", "--sparse=always", images / "golden.raw", raw], timeout=300)
    with raw.open("r+b") as file:
        file.truncate(end + size + _MIB)
    table = ["--move-second-header", f"--new=0:{end // 512}:{(end + size) // 512 - 1}", "--change-name=0:images"]
    process.run(["sgdisk", *table, "--typecode=0:8300", f"--partition-guid=0:{ids['images']}", raw], timeout=60)
    options = f"offset={end},lazy_itable_init=1,hash_seed={disk}"
    shape = ["-q", "-F", "-t", "ext4", "-b", "4096", "-N", "64", "-m", "0", "-O", "^has_journal", "-L", "images"]
    words = ["-U", ids["images file system"], "-E", options, "-d", str(scratch), str(raw), f"{size // 1024}k"]
    process.run(process.Command(["mke2fs", *shape, *words], env=fake_time()), timeout=300)
    settle(raw, end, inodes)
    shutil.rmtree(scratch)
    _tell_the_seed(raw, golden)
    carried = CarriedPlace(end, size, ids["images"])
    return ApplianceDisk(golden.disk.uuid, golden.disk.root_file_system, golden.disk.partitions, carried)


def _pack(source: Path, start: int, end: int, target: Path) -> None:
    """Bytes of a file, packed; the same bytes give the same file."""
    with source.open("rb") as read, target.open("wb") as write, gzip.GzipFile("", "wb", 6, write, mtime=0) as packed:
        read.seek(start)
        while start < end:
            piece = read.read(min(4 * _MIB, end - start))
            packed.write(piece)
            start += len(piece)


def _tell_the_seed(raw: Path, golden: GoldenManifest) -> None:
    esp = golden.disk.partition("ESP")
    options = raw.with_suffix(".options")
    options.write_text(OPTIONS)
    process.run(
        process.Command(["mcopy", "-i", f"{raw}@@{esp.start}", options, "::/seedvm/options.cfg"], env=fake_time()),
        timeout=60,
    )
    options.unlink()


def _make_qcow2(raw: Path, qcow2: Path) -> None:
    how = ["-O", "qcow2", "-c", "-o", "compression_type=zstd"]
    process.run(["qemu-img", "convert", *how, raw, qcow2], timeout=1800)
    process.run(["qemu-img", "resize", "-q", qcow2, f"{QCOW2_GIB}G"], timeout=60)


def _describe(
    folder: Path,
    golden: GoldenManifest,
    disk: ApplianceDisk,
    files: tuple[Path, ...],
    carries: Mapping[str, FileSum],
) -> None:
    listed = {path.name: FileSum.of(path) for path in files}
    for name, one in listed.items():
        (folder / f"{name}.sha256").write_text(f"{one.sha256}  {name}\n")
    sbom.write(folder / f"{NAME}.spdx.json", NAME, golden, listed)
    made = ApplianceManifest(
        key=golden.key,
        commit=golden.commit,
        rooms=golden.rooms,
        packages=golden.packages,
        python=golden.python,
        reproducible=golden.reproducible,
        name=f"{NAME}-{golden.key}",
        architecture="amd64",
        files=listed,
        disk=disk,
        carries=carries,
    )
    manifest.write(folder / f"{NAME}.json", made)


def _prune(kept: Path) -> None:
    """One appliance is large: the one before goes."""
    for path in kept.parent.iterdir():
        if path != kept and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
    link = kept.with_name("current")
    aside = kept.with_name(f".current.{os.getpid()}")
    aside.symlink_to(kept.name)
    aside.replace(link)
