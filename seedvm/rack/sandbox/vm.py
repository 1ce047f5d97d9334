"""A VM machine: QEMU with real firmware (SeaBIOS or OVMF), real iPXE and a real kernel, behind the same BMC as a container machine.

Its power is that of the process: one QEMU per boot, in the machine's network namespace and control group. QEMU is told to end where
the system restarts, and says by QMP why it ended (SHUTDOWN, qapi/run-state.json), so that boot devices are chosen again each time.
It refuses firmware that is not installed, by the name of its package.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode
from seedvm.host import kvm
from seedvm.rack.model import MachineSpec, RackSpec, made_up_mac
from seedvm.rack.sandbox import network

WHERE = "vm"
_TRANSLATED_MIB = 512  # QEMU takes up to 1 GiB of its own accord, and the machine's memory limit would end it
OVERHEAD_MIB = 256 + _TRANSLATED_MIB
_OVMF = Path("/usr/share/OVMF")
_FIRMWARE = {
    "uefi": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    "secure": ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"),  # Microsoft's keys enrolled, Secure Boot on
}
# Emulated: QEMU 7.2 with `max` and two CPUs crashes a 6.12 kernel; this is stable. For AMD's the kernel leaves out page table isolation,
# which empties the emulator's TLB at each system call: programs run 1.8 times as fast.
EMULATED = ["-accel", f"tcg,tb-size={_TRANSLATED_MIB}", "-cpu", "Nehalem,-cx16,vendor=AuthenticAMD", "-smp", "1"]
_START_SECONDS, _END_SECONDS = 30.0, 30.0


def run(rack: RackSpec, machine: MachineSpec, devices: Sequence[str]) -> bool:
    """One boot, to its end; True when the system asked for a restart. `devices` are network and disk in their order."""
    folder, qmp = rack.folder(machine.name), qmp_socket(rack, machine.name)
    network.bridge_in(made_up_mac(rack.name, machine.name, "wire"))
    qmp.unlink(missing_ok=True)
    child = process.spawn(words(machine, folder, qmp, devices, fast=_fast(rack)), log=folder / "console.log")
    try:
        return reason_of_end(qmp, child) == "guest-reset"
    finally:
        process.stop(child)


def words(machine: MachineSpec, folder: Path, qmp: Path, devices: Sequence[str], *, fast: bool) -> list[str]:
    """QEMU's command line; the serial console is its standard output."""
    order = {device: number for number, device in enumerate(devices, 1)}
    speed = ["-accel", "kvm", "-cpu", "host", "-smp", str(machine.cpus)] if fast else EMULATED
    rom = (
        "" if machine.firmware == "bios" else ",romfile="
    )  # OVMF brings its own network boot, SeaBIOS needs iPXE's ROM
    return [
        "qemu-system-x86_64",
        *board(machine, folder),
        *speed,
        *("-m", str(machine.memory_mib), "-uuid", str(machine.uuid), "-nodefaults", "-display", "none", "-vga", "none"),
        *("-smbios", f"type=1,manufacturer=seedvm,product=virtual rack VM,serial={machine.serial}"),
        *("-drive", f"if=none,id=disk,format=raw,cache=writeback,file={folder / 'disk.img'}"),
        *("-device", f"virtio-blk-pci,drive=disk,serial={machine.serial},bootindex={order['disk']}"),
        *("-netdev", "tap,id=wire,ifname=tap0,script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=wire,mac={machine.mac},bootindex={order['network']}{rom}"),
        *clock(machine, datetime.now(UTC)),
        *("-device", "virtio-rng-pci", "-serial", "stdio", "-monitor", "none"),
        *("-qmp", f"unix:{qmp},server=on,wait=off", "-qmp", f"unix:{_button(qmp)},server=on,wait=off"),
        *("-action", "reboot=shutdown"),
    ]


def clock(machine: MachineSpec, now: datetime) -> list[str]:
    """QEMU's words for a hardware clock that is not the host's; it goes at the host's speed."""
    ahead = now + timedelta(seconds=machine.clock_ahead)
    return ["-rtc", f"base={ahead:%Y-%m-%dT%H:%M:%S},clock=host"] if machine.clock_ahead else []


def reason_of_end(qmp: Path, child: process.Child, *, seconds: float = _START_SECONDS) -> str:
    """Wait for QEMU's end; why it came: the reason of its SHUTDOWN event (guest-reset, guest-shutdown, ...), or `killed`.
    It must take the socket within so many seconds."""
    deadline = time.monotonic() + seconds
    while child.poll() is None:
        try:
            with contextlib.suppress(ConnectionResetError), _connected(qmp) as (_, said):
                for message in said:
                    if message.event == "SHUTDOWN":
                        child.wait(timeout=_END_SECONDS)
                        return str(message.data["reason"])
            deadline = time.monotonic() + _END_SECONDS  # it was killed, and its memory takes a moment to go
        except OSError as error:
            if time.monotonic() > deadline:
                raise SeedvmError("QEMU does not answer", why=str(error), hint="see its console.log") from error
            time.sleep(0.05)
    return "killed"


def qmp_socket(rack: RackSpec, name: str) -> Path:
    return rack.run / f"{name}.qmp"


def press(qmp: Path) -> bool:
    """Press the power button (ACPI); False when the machine is not running."""
    try:
        with _connected(_button(qmp)) as (wire, said):
            _say(wire, "system_powerdown")
            next(said, None)  # a machine that goes off at once closes the line
    except OSError:
        return False
    return True


def _button(qmp: Path) -> Path:
    """A second socket: QMP talks to one at a time, and the first listens for the end."""
    return qmp.with_suffix(".button")


def board(machine: MachineSpec, folder: Path) -> list[str]:
    """QEMU's words for the machine's board and firmware, whose variables are kept in `folder`."""
    if machine.firmware == "bios":
        return ["-machine", "q35,graphics=off"]  # SeaBIOS then speaks on the serial line
    code, variables = (_OVMF / name for name in _FIRMWARE[machine.firmware])
    if not code.exists():
        raise SeedvmError(
            "there is no UEFI firmware", machine=machine.name, why=f"no {code}", hint="run apt-get install ovmf"
        )
    own = folder / "firmware.vars"
    if not own.exists():
        shutil.copy(variables, own)
    flash = [
        "-drive",
        f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
        "-drive",
        f"if=pflash,unit=1,format=raw,file={own}",
    ]
    if machine.firmware == "uefi":
        return ["-machine", "q35,smm=off", *flash]
    guarded = ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
    return ["-machine", "q35,smm=on", *guarded, *flash]


def _fast(rack: RackSpec) -> bool:
    """Whether KVM works: asked once while the rack is up, since a KVM that hangs takes seconds to be found out."""
    answer = rack.run / "kvm"
    if not answer.exists():
        answer.write_text("yes" if kvm.usable()[0] else "no")
    return answer.read_text() == "yes"


@dataclass(frozen=True)
class _Message:
    """What QEMU sends by QMP; an answer to a command has no `event`."""

    event: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


@contextlib.contextmanager
def _connected(qmp: Path) -> Iterator[tuple[socket.socket, Iterator[_Message]]]:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(qmp))
        lines = wire.makefile("r")
        _say(wire, "qmp_capabilities")
        yield wire, (decode(_Message, json.loads(line), "QEMU's message") for line in lines)


def _say(wire: socket.socket, order: str) -> None:
    wire.sendall(json.dumps({"execute": order}).encode() + b"\n")
