"""The stick that `seedvm host usb` wrote, in a USB port of a machine with UEFI: it boots the appliance, which lays out its state there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm import proc
from seedvm.cli import main
from seedvm.rack import gpt, vm
from tests.qemu.laptop import is_root, until
from tests.qemu.test_3_appliance import CURRENT, KERNEL_SECONDS, SOURCE, STATE_BEGINS, SYSTEM_BEGINS

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="loop devices need root"),
]
GIB = 1 << 30
FIRMWARE = Path("/usr/share/OVMF")


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """16 GB behind a loop device."""
    with (tmp_path / "stick").open("wb") as file:
        file.truncate(15 * GIB)
    device = proc.run(["losetup", "--find", "--show", tmp_path / "stick"], timeout=20).stdout.strip()
    yield Path(device)
    proc.run(["losetup", "--detach", device], timeout=20)
    (tmp_path / "stick").unlink()


def test_firmware_boots_the_stick_and_the_appliance_makes_its_state_on_it(stick: Path, tmp_path: Path) -> None:
    if not (CURRENT / "seedvm-appliance.raw").exists():
        proc.run([sys.executable, "-m", "seedvm", "image", "appliance"], timeout=3600, cwd=SOURCE)
    image = CURRENT.resolve() / "seedvm-appliance.raw"
    words = ["--device", str(stick)] * 2 + ["--image", str(image), "--yes-wipe", str(stick)]
    assert main(["host", "usb", *words]) == 0
    whole = [*names(stick), "state"]  # "state-new" until its file system is there
    console = tmp_path / "console.log"
    machine = proc.spawn(_machine(stick, tmp_path), log=console)
    try:
        until("the appliance to begin", lambda: STATE_BEGINS in console.read_text(errors="replace"), KERNEL_SECONDS)
        until("its state to be laid out", lambda: names(stick) == whole, KERNEL_SECONDS)
        until("its system to begin", lambda: SYSTEM_BEGINS in console.read_text(errors="replace"), KERNEL_SECONDS)
    finally:
        proc.stop(machine)


def names(disk: Path) -> list[str]:
    return [one.name for one in gpt.partitions(disk)]


def _machine(stick: Path, folder: Path) -> list[str]:
    """A machine of any make: nothing of it is virtio, and its one disk is on USB."""
    shutil.copy(FIRMWARE / "OVMF_VARS_4M.fd", folder / "firmware.vars")
    flash = "if=pflash,format=raw"
    return [
        *("qemu-system-x86_64", "-machine", "q35,smm=off", *vm.EMULATED, "-m", "2048"),
        *("-drive", f"{flash},unit=0,readonly=on,file={FIRMWARE / 'OVMF_CODE_4M.fd'}"),
        *("-drive", f"{flash},unit=1,file={folder / 'firmware.vars'}"),
        *("-nodefaults", "-display", "none", "-vga", "none", "-monitor", "none", "-serial", "stdio"),
        *("-drive", f"if=none,id=stick,format=raw,cache=none,file={stick}"),
        *("-device", "qemu-xhci", "-device", "usb-storage,drive=stick,removable=on"),
    ]
