"""One boot of one machine, a process of its own: firmware, then whatever it finds becomes this process.

`python -m seedvm.rack.firmware.boot RACK_FILE MACHINE DEVICES`, in the machine's network namespace. It joins the machine's
control group and
makes a private mount namespace first, so that the end of its processes is the end of everything it made.
Exit codes: 0 switched off, 133 restart, 75 nothing boots. It refuses to run twice for one machine: the supervisor sees to that.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack import events
from seedvm.rack.firmware import disk, ipxe, ramdisk
from seedvm.rack.firmware.firmware import NIC, Firmware
from seedvm.rack.model import Bind, MachineSpec, RackSpec, Seed, load_rack
from seedvm.rack.sandbox import cgroup, guest, loop, network, partitions, switch, vm

POWER_OFF, REBOOT, NOTHING_BOOTS = 0, 133, 75
WHERE = "where"
_CLONE_NEWNS = 0x00020000
_MACHINE_CMDLINE = "BOOT_IMAGE=/vmlinuz root=LABEL=root ro console=ttyS0"
_SEED_DISK_GIB = 40


def main(arguments: list[str]) -> int:
    rack = load_rack(Path(arguments[0]))
    name, devices = arguments[1], arguments[2].split(",")
    cgroup.remove(cgroup.top() / rack.name / name / "guest")  # never in a group that was killed before
    cgroup.join(cgroup.group(rack.name, name, "guest"))
    if rack.seed is not None and name == rack.seed.name:
        _own_mounts()
        _boot_seed(rack, rack.seed)
    machine = rack.machine(name)
    _own_mounts()
    if machine.kind == "vm":
        cgroup.limit_memory(f"{rack.name}/{name}", machine.memory_mib + vm.OVERHEAD_MIB)
        _here(rack.folder(name), vm.WHERE)
        _raise_switch(rack, machine)
        return REBOOT if vm.run(rack, machine, devices) else POWER_OFF
    cgroup.limit_memory(f"{rack.name}/{name}", machine.memory_mib)
    return _boot(rack, machine, devices)


def _own_mounts() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    process.run(["mount", "--make-rprivate", "/"], timeout=20)
    process.run(["mount", "-t", "sysfs", "sysfs", "/sys"], timeout=20)  # that of the machine's network namespace
    process.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], timeout=20)


def _boot(rack: RackSpec, machine: MachineSpec, devices: list[str]) -> int:
    folder = rack.folder(machine.name)
    firmware = Firmware(machine, folder)
    for device in devices:
        _here(folder, "firmware")
        firmware.say(f"-- {machine.name}: boot from {device}")
        outcome = firmware.network_boot() if device == "network" else ipxe.BootDisk()
        if isinstance(outcome, ipxe.BootKernel):
            _raise_switch(rack, machine)
            _run_ramdisk(folder, machine, firmware, outcome)
        if isinstance(outcome, ipxe.Leave) and outcome.then != "next":
            return REBOOT if outcome.then == "reboot" else POWER_OFF
        if isinstance(outcome, ipxe.BootDisk) and firmware.disk_boots():
            _run_disk(folder, machine)
    firmware.say("-- nothing boots")
    return NOTHING_BOOTS


def _run_ramdisk(folder: Path, machine: MachineSpec, firmware: Firmware, offer: ipxe.BootKernel) -> None:
    if not offer.initrds:
        raise SeedvmError(
            "the boot script offers a kernel without a ramdisk", machine=machine.name, hint="check the boot script"
        )
    fetched = firmware.fetched[offer.initrds[0]]
    tree, cached = ramdisk.unpacked(firmware.path(offer.initrds[0]), fetched)
    events.note(folder, "ramdisk", sha256=fetched.sha256, bytes=fetched.bytes, unpacked_before=cached)
    root = ramdisk.mount_layered(tree, folder / "ram", machine.memory_mib)
    loop.wait_free(folder / "disk.img")
    device = loop.attach(folder / "disk.img", partitions=True)
    loop.without_flushes(device)
    hardware = _hardware(machine, device.name, offer.cmdline)
    guest.add_tools(root, hardware)
    _keep_nodes(device, folder)
    _here(folder, "ramdisk")
    guest.enter(root, guest.lay_out(folder / "hardware", hardware), hardware, nodes=[device.path])


def _raise_switch(rack: RackSpec, machine: MachineSpec) -> None:
    """The switch's voice on this machine's cable, for as long as the boot lasts."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        port = network.port_of(rack.machine_namespace(machine.name), NIC)
        switch.announce(network.NAMESPACES / rack.namespace, port, f"port-{machine.name}", f"{rack.name}-switch")


def _keep_nodes(device: loop.Loop, folder: Path) -> None:
    """A process beside the guest, in its group: it holds the disk and makes its partitions' nodes."""
    group = cgroup.top() / folder.parent.name / folder.name / "guest"
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        partitions.keep_nodes(device, group)


def _run_disk(folder: Path, machine: MachineSpec) -> None:
    root, device = disk.mount_root(folder / "disk.img", folder)
    _enter_disk(folder, root, device, _hardware(machine, device.name, _MACHINE_CMDLINE))


def _boot_seed(rack: RackSpec, seed: Seed) -> None:
    folder = rack.folder(seed.name)
    disk.write(rack.images.resolve() / "golden.raw", folder / "disk.img", _SEED_DISK_GIB)
    root, device = disk.mount_root(folder / "disk.img", folder)
    seed.state.mkdir(parents=True, exist_ok=True)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    uuid = "5eed0000-0000-4000-8000-000000000001"
    cpus, cmdline = os.cpu_count() or 1, f"{_MACHINE_CMDLINE} seedvm.seed"
    hardware = guest.GuestHardware(seed.name, uuid, "SEED", cpus, memory, device.name, (NIC, "eth1"), cmdline)
    _enter_disk(folder, root, device, hardware, _seed_binds(rack, seed))


def _enter_disk(
    folder: Path, root: Path, device: loop.Loop, hardware: guest.GuestHardware, binds: tuple[Bind, ...] = ()
) -> None:
    events.note(folder, "disk-boot")
    _keep_nodes(device, folder)
    _here(folder, "disk")
    guest.enter(root, guest.lay_out(folder / "hardware", hardware), hardware, binds, nodes=[device.path])


def _seed_binds(rack: RackSpec, seed: Seed) -> tuple[Bind, ...]:
    """What stands for the seed's own state and its stick with the images, and what the rack file adds."""
    state, images = "/var/lib/seedvm", "/srv/seedvm/images"
    return (Bind(seed.state, state, False), Bind(rack.images.resolve(), images, True), *seed.binds)


def _hardware(machine: MachineSpec, device: str, cmdline: str) -> guest.GuestHardware:
    return guest.GuestHardware(
        machine.name, str(machine.uuid), machine.serial, machine.cpus, machine.memory_mib, device, (NIC,), cmdline
    )


def _here(folder: Path, where: str) -> None:
    (folder / WHERE).write_text(where)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SeedvmError as error:
        sys.stdout.write("\n".join(error.lines()) + "\n")
        sys.exit(1)
