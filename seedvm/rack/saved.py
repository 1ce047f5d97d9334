"""Saved racks: the disks, the BMCs' own files and the seed's state folder at one moment, to come back to (`seedvm rack save`, `restore`).

Memory is not kept. Every machine is frozen, what its file systems hold back is written, everything is copied, and all of them thaw: a saved
rack is what a power failure of the whole rack at that moment leaves. So a restored one begins with a cold start of all that ran.
On a file system with reflinks (XFS, btrfs) a copy takes no space and no time; elsewhere it is a sparse copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode, encode
from seedvm.rack import control, inject, rack
from seedvm.rack.firmware import boot
from seedvm.rack.model import RackSpec
from seedvm.rack.sandbox import loop

Progress = Callable[[str], None]
_RECORD, _SEED = "saved.json", "seed-state"
_LONGEST = 3600.0


@dataclass(frozen=True)
class SavedMachine:
    """One machine: whether it was on, and its boot device as its BMC was told."""

    name: str
    on: bool
    boot_device: str | None = None
    boot_once: bool = False


@dataclass(frozen=True)
class Saved:
    """One saved rack; `rack_file` is the SHA-256 of the rack file, whose passwords and sizes the saved disks fit."""

    name: str
    time: float
    rack_file: str
    machines: tuple[SavedMachine, ...]


def saved(spec: RackSpec) -> tuple[Saved, ...]:
    """Every saved state of a rack, oldest first."""
    records = spec.state.glob(f"saved/*/{_RECORD}")
    return tuple(sorted((_read(path) for path in records), key=lambda one: one.time))


def save(spec: RackSpec, name: str, on_progress: Progress = lambda _: None) -> Saved:
    """Keep the rack as it is now under a name. What runs stands still meanwhile; a name that is taken is refused."""
    target = _folder(spec, name)
    if target.exists():
        raise SeedvmError(f"there is a saved rack {name} already", hint=f"choose another name, or remove {target}")
    partial = target.with_name(f".{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    machines = tuple(_machine(spec, one) for one in spec.names)
    record = Saved(name, time.time(), _digest(spec), machines)
    with _frozen(spec, [one.name for one in machines if one.on]):
        os.sync()
        for machine in spec.names:
            on_progress(f"{machine}: copying its disk")
            _copy_files(spec.folder(machine), partial / machine)
        if spec.seed is not None and spec.seed.state.is_dir():
            _copy(spec.seed.state, partial / _SEED)
    (partial / _RECORD).write_text(json.dumps(encode(record), indent=1) + "\n")
    partial.rename(target)
    return record


def restore(spec: RackSpec, name: str, on_progress: Progress = lambda _: None) -> Saved:
    """Take the rack down, bring disks and state back, and switch on what was on. What happened since is lost."""
    source = _folder(spec, name)
    if not (source / _RECORD).exists():
        known = ", ".join(one.name for one in saved(spec)) or "there is none"
        raise SeedvmError(
            f"there is no saved rack {name}", why=f"saved racks: {known}", hint="run seedvm rack save first"
        )
    record = _read(source / _RECORD)
    if record.rack_file != _digest(spec):
        raise SeedvmError(
            f"the saved rack {name} is of another rack file",
            why=f"{spec.file} has changed since",
            hint="restore the rack file from a copy, or save the rack again",
        )
    on_progress("the rack is taken down")
    rack.down(spec)
    for machine in spec.names:
        on_progress(f"{machine}: restoring its disk")
        loop.wait_free(spec.folder(machine) / "disk.img")
        _remove_files(spec.folder(machine))
        _copy_files(source / machine, spec.folder(machine))
    if spec.seed is not None and (source / _SEED).is_dir():
        shutil.rmtree(spec.seed.state, ignore_errors=True)
        _copy(source / _SEED, spec.seed.state)
    _start(spec, record, on_progress)
    return record


def _start(spec: RackSpec, record: Saved, on_progress: Progress) -> None:
    rack.up(spec, on_progress, seed=False)
    seed = spec.seed.name if spec.seed else None
    for machine in record.machines:
        if machine.name == seed:
            continue
        order = {"do": "boot", "device": machine.boot_device, "once": machine.boot_once}
        control.call(spec.socket(machine.name), order)
        if machine.on:
            on_progress(f"{machine.name}: powering on")
            rack.order(spec, machine.name, "on")
    if any(machine.on for machine in record.machines if machine.name == seed):
        rack.up(spec, on_progress)


def _machine(spec: RackSpec, name: str) -> SavedMachine:
    if not spec.socket(name).exists():
        return SavedMachine(name, on=False)
    found = control.call(spec.socket(name), {"do": "status"})
    return SavedMachine(name, found.power == "on", found.boot_device, found.boot_once)


@contextlib.contextmanager
def _frozen(spec: RackSpec, names: list[str]) -> Iterator[None]:
    """All of these at once, so that no machine knows more than another."""
    try:
        for name in names:
            inject.freeze(spec, name, frozen=True)
        yield
    finally:
        for name in names:
            inject.freeze(spec, name, frozen=False)


def _copy_files(source: Path, target: Path) -> None:
    """A machine's own files; folders and device nodes are made again at each boot."""
    target.mkdir(parents=True, exist_ok=True)
    for path in _files(source):
        _copy(path, target / path.name)


def _remove_files(folder: Path) -> None:
    for path in _files(folder):
        path.unlink()


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != boot.WHERE)


def _copy(source: Path, target: Path) -> None:
    process.run(["cp", "-a", "--reflink=auto", "--sparse=auto", "-T", source, target], timeout=_LONGEST)


def _digest(spec: RackSpec) -> str:
    return hashlib.sha256(spec.file.read_bytes()).hexdigest()


def _folder(spec: RackSpec, name: str) -> Path:
    if not name or name.startswith(".") or "/" in name:
        raise SeedvmError(f"'{name}' cannot be the name of a saved rack", hint="use letters, digits and -")
    return spec.state / "saved" / name


def _read(path: Path) -> Saved:
    return decode(Saved, json.loads(path.read_text()), str(path))
