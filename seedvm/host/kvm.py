"""Whether this machine runs guests at full speed. A /dev/kvm that is there proves nothing: a guest of seven bytes is run on it.

The guest is a boot sector that writes 0x10 to QEMU's isa-debug-exit port, which makes QEMU end with (0x10 << 1) | 1.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError

NODE = Path("/dev/kvm")
CPU = {"kvm": "host", "tcg": "qemu64"}  # a KVM may run a guest on a simple CPU and fail on the host's own
_SECONDS = 10.0
_SECTOR, _FLOPPY = 512, 1440 << 10
_CODE = bytes([0xB0, 0x10, 0xBA, 0xF4, 0x00, 0xEE, 0xF4])  # mov al,0x10; mov dx,0xf4; out dx,al; hlt
_ENDED_BY_GUEST = (0x10 << 1) | 1


def runs(accelerator: str, *, seconds: float = _SECONDS) -> bool:
    """Whether a guest comes to life with this QEMU accelerator (`kvm`, `tcg`)."""
    with tempfile.TemporaryDirectory(prefix="seedvm-guest-") as folder:
        floppy = Path(folder) / "floppy.img"
        floppy.write_bytes(_CODE.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa" + bytes(_FLOPPY - _SECTOR))
        words = [
            "qemu-system-x86_64",
            "-accel",
            accelerator,
            "-cpu",
            CPU[accelerator],
            "-nodefaults",
            "-display",
            "none",
            "-m",
            "16",
            "-no-reboot",
        ]
        words += ["-drive", f"if=floppy,format=raw,file={floppy}", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        try:
            return process.run(words, timeout=seconds, check=False).returncode == _ENDED_BY_GUEST
        except SeedvmError:
            return False


def usable() -> tuple[bool, str]:
    """Whether KVM works, and why it does not."""
    if not NODE.exists():
        return (
            False,
            "there is no /dev/kvm: enable virtualisation (VT-x, AMD-V) in the firmware setup, and load kvm_intel or kvm_amd with modprobe",
        )
    if not runs("kvm"):
        return False, "/dev/kvm exists, but a guest does not run on it: is this a VM without nested virtualisation?"
    return True, "a guest ran on /dev/kvm"
