"""The stick that `seedvm host usb` wrote, in a USB port of a machine with UEFI: it boots the appliance, which lays out its state there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.cli import main
from seedvm.rack.firmware import gpt
from seedvm.rack.model import parse_rack
from seedvm.rack.sandbox import vm
from tests.qemu.appliance import KERNEL_SECONDS, STATE_BEGINS, SYSTEM_BEGINS, raw_image
from tests.qemu.laptop import is_root, until
from tests.qemu.sticks import stick_of
from tests.qemu.wire import RACK

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="loop devices need root"),
]
GIB = 1 << 30


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """16 GB behind a loop device."""
    with (tmp_path / "stick").open("wb") as file:
        file.truncate(15 * GIB)
    with stick_of(tmp_path / "stick") as device:
        yield device
    (tmp_path / "stick").unlink()


def test_firmware_boots_the_stick_and_the_appliance_makes_its_state_on_it(stick: Path, tmp_path: Path) -> None:
    words = ["--device", str(stick)] * 2 + ["--image", str(raw_image()), "--yes-wipe", str(stick)]
    assert main(["host", "usb", *words]) == 0
    whole = [*names(stick), "state"]  # "state-new" until its file system is there
    console = tmp_path / "console.log"
    machine = process.spawn(_machine(stick, tmp_path), log=console)
    try:
        until("the appliance to begin", lambda: STATE_BEGINS in console.read_text(errors="replace"), KERNEL_SECONDS)
        until("its state to be laid out", lambda: names(stick) == whole, KERNEL_SECONDS)
        until("its system to begin", lambda: SYSTEM_BEGINS in console.read_text(errors="replace"), KERNEL_SECONDS)
    finally:
        process.stop(machine)


def names(disk: Path) -> list[str]:
    return [one.name for one in gpt.partitions(disk)]


def _machine(stick: Path, folder: Path) -> list[str]:
    """A machine of any make: nothing of it is virtio, and its one disk is on USB."""
    uefi = parse_rack(RACK, Path("rack.yaml")).machine("uefi")
    return [
        *("qemu-system-x86_64", *vm.board(uefi, folder), *vm.EMULATED, "-m", "2048"),
        *("-nodefaults", "-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"),
        *("-drive", f"if=none,id=stick,format=raw,cache=none,file={stick}"),
        *("-device", "qemu-xhci", "-device", "usb-storage,drive=stick,removable=on"),
    ]
