"""The seed's VM on this laptop: up, down, snapshot, back, wipe. Each may be run again.

Its disk is a qcow2 made from the appliance's image; a snapshot freezes that file and continues in a new one. It refuses an image
that is not what its checksum says, and to go back to a snapshot while the VM is on.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, wait_for_sync
from seedvm.host import changes, domain, watch
from seedvm.host.domain import SeedVm
from seedvm.host.hypervisor import Hypervisor
from seedvm.host.image import verified_bytes

Say = Callable[[str], None]
FOLDER = Path("/var/lib/seedvm-host")
NAME = "seedvm"
DISK_GIB = 40
OFF_SECONDS = 120.0
_COPY_SECONDS = 1800.0
_SNAPSHOT = (
    "<domainsnapshot><name>{label}</name>"
    "<disks><disk name='vda' snapshot='external'><source file='{file}'/></disk></disks></domainsnapshot>"
)


@dataclass(frozen=True)
class SeedFiles:
    """Where the seed's things are on the laptop."""

    folder: Path = FOLDER
    name: str = NAME

    @property
    def disk(self) -> Path:
        return self.folder / f"{self.name}.qcow2"

    @property
    def changes(self) -> Path:
        return self.folder / f"{self.name}.network-changes"

    def overlay(self, label: str) -> Path:
        return self.folder / f"{self.name}@{label}.qcow2"

    def files(self) -> tuple[Path, ...]:
        """Everything that is the seed's in the folder."""
        if not self.folder.is_dir():
            return ()
        found = (path for path in self.folder.iterdir() if path.name.startswith((f"{self.name}.", f"{self.name}@")))
        return tuple(sorted(found))


def prepare_disk(place: SeedFiles, image: Path, say: Say) -> None:
    """The seed's own disk from the appliance's image; one that is there stays as it is: it holds the seed's state."""
    if place.disk.exists():
        return
    size = verified_bytes(image, say)
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o711)  # libvirt's QEMU is another user
    free = shutil.disk_usage(place.folder).free
    if free < 2 * size:
        raise SeedvmError(
            "not enough disk space for the seed's disk",
            why=f"{free >> 20} MiB free in {place.folder}, {2 * size >> 20} MiB needed",
            hint="free disk space, or use another folder with --folder",
        )
    say(f"copying {image} to the seed's disk")
    partial = place.disk.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    form = "raw" if image.suffix == ".raw" else "qcow2"
    process.run(["qemu-img", "convert", "-f", form, "-O", "qcow2", image, partial], timeout=_COPY_SECONDS)
    process.run(["qemu-img", "resize", "-q", partial, f"{DISK_GIB}G"], timeout=60)
    partial.chmod(0o600)
    partial.rename(place.disk)


def up(hypervisor: Hypervisor, place: SeedFiles, want: SeedVm, say: Say, *, uri: str) -> None:
    """Defined as it is wanted now, and on. What runs already stays; a paused one is resumed."""
    state = hypervisor.state(place.name)
    if state == "running":
        say("the seed is already running")
    elif state == "paused":
        hypervisor.resume(place.name)
        say("the seed has been resumed")
    elif state == "stopping":
        raise SeedvmError(
            "the seed is powering off", machine="seed", hint="wait until seedvm host status reports it as off"
        )
    else:
        top = top_disk(hypervisor, place)
        hypervisor.define(domain.render(replace(want, disk=top)))
        hypervisor.start(place.name)
        say(f"the seed is running{'' if want.kvm else ', emulated: many times slower than with KVM'}")
    say(watch.start(place.folder, place.name, uri))


def down(hypervisor: Hypervisor, place: SeedFiles, say: Say, *, force: bool = False) -> None:
    """Off, and the laptop's network as it was. Its disk and definition stay. `force` cuts the power."""
    if hypervisor.state(place.name) not in ("absent", "off"):
        if force:
            hypervisor.cut_power(place.name)
        else:
            hypervisor.press_power(place.name)
            _wait_off(hypervisor, place)
        say("the seed is off")
    watch.end(place.folder, place.name)
    for change in changes.restore(place.changes):
        say(f"undone: {change}")


def snapshot(hypervisor: Hypervisor, place: SeedFiles, *, now: datetime | None = None) -> str:
    """Freeze the disk as it is; the snapshot's label. A running seed is as after a power loss in it, which it survives."""
    label = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    new = place.overlay(label)
    if new.exists():
        raise SeedvmError(f"snapshot {label} already exists", hint="wait a second, then run again")
    if hypervisor.state(place.name) in ("running", "paused"):
        hypervisor.freeze_disk(place.name, _SNAPSHOT.format(label=label, file=new))
    else:
        top = top_disk(hypervisor, place)
        _overlay(new, top)
        hypervisor.define(hypervisor.xml(place.name).replace(f"'{top}'", f"'{new}'"))
    return label


def back(hypervisor: Hypervisor, place: SeedFiles, label: str) -> None:
    """The disk as it was at a snapshot; what was written since is thrown away. For a seed that is off."""
    if hypervisor.state(place.name) != "off":
        raise SeedvmError(
            "the seed is running", machine="seed", why="a disk in use cannot be restored", hint="run seedvm host down"
        )
    chain = disk_chain(top_disk(hypervisor, place))
    wanted = place.overlay(label)
    if wanted not in chain:
        known = ", ".join(labels(hypervisor, place)) or "none"
        raise SeedvmError(
            f"there is no snapshot {label}",
            why=f"existing snapshots: {known}",
            hint="list them with seedvm host status",
        )
    at = chain.index(wanted)
    hypervisor.define(hypervisor.xml(place.name).replace(f"'{chain[0]}'", f"'{wanted}'"))
    for newer in chain[:at]:
        newer.unlink()
    wanted.unlink()
    _overlay(wanted, chain[at + 1])


def labels(hypervisor: Hypervisor, place: SeedFiles) -> tuple[str, ...]:
    """The snapshots that there are, oldest first."""
    if hypervisor.state(place.name) == "absent":
        return ()
    chain = disk_chain(top_disk(hypervisor, place))
    return tuple(path.stem.partition("@")[2] for path in reversed(chain) if "@" in path.stem)


def wipe(hypervisor: Hypervisor, place: SeedFiles, say: Say) -> None:
    """Everything of the seed on this laptop goes: VM, firmware variables, disk with all its state, snapshots."""
    if hypervisor.state(place.name) != "absent":
        down(hypervisor, place, say, force=True)
        hypervisor.forget(place.name)
    else:
        watch.end(place.folder, place.name)
        changes.restore(place.changes)
    for path in place.files():
        path.unlink(missing_ok=True)
        say(f"deleted: {path}")
    with contextlib.suppress(OSError):  # not empty, or a mount point, also a bind mount of the same file system
        place.folder.rmdir()


def top_disk(hypervisor: Hypervisor, place: SeedFiles) -> Path:
    """The file that the seed writes to now."""
    if hypervisor.state(place.name) == "absent":
        return place.disk
    found = domain.disks(hypervisor.xml(place.name))
    return found[0] if found else place.disk


def disk_chain(top: Path) -> list[Path]:
    """The disk's files, the one that is written to first."""
    said = process.run(["qemu-img", "info", "-U", "--backing-chain", "--output=json", top], timeout=60).stdout
    return [Path(one["filename"]) for one in json.loads(said)]


def _overlay(new: Path, base: Path) -> None:
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, new], timeout=60)
    new.chmod(0o600)


def _wait_off(hypervisor: Hypervisor, place: SeedFiles) -> None:
    wait_for_sync(
        lambda: hypervisor.state(place.name) in ("absent", "off"),
        seconds=OFF_SECONDS,
        what="the seed did not power off",
        machine="seed",
        hint="check it with seedvm host console, or cut its power with seedvm host down --force",
        pause=0.5,
        passing=NO_ERROR,
    )
