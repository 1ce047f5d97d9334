"""Run a root tree as a machine: systemd-nspawn in the machine's network namespace, with hardware to look at.

What the guest sees as its own: its disk alone in /sys/block, the command line that it was offered, memory and CPUs of the rack
file, a DMI table, a NIC that hangs on a bus. It refuses to give the guest the host's clock, modules or sysrq.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seedvm.rack.model import Bind

INSIDE = "/run/rack"
_VENDOR, _PRODUCT = "seedvm", "virtual rack machine"
_REFUSED = ("CAP_SYS_TIME", "CAP_SYS_MODULE", "CAP_SYSLOG", "CAP_SYS_RAWIO")

_INIT = """#!/bin/sh
# Process 1 until the machine looks like one; then the system's own init.
R={inside}
for file in cmdline meminfo cpuinfo; do
  [ -e $R/$file ] && mount --bind $R/$file /proc/$file
done
if [ -e /proc/sysrq-trigger ]; then mount --bind /dev/null /proc/sysrq-trigger; fi
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,rw /proc/sys/net
mount -t tmpfs -o mode=755,size=1m rack /sys/block
[ -n "{disk}" ] && ln -s ../devices/virtual/block/{disk} /sys/block/{disk}
mkdir -p /run/rack-sys
mount -t tmpfs -o mode=755,size=4m rack /run/rack-sys
for name in class {nics}; do mkdir -p /run/rack-sys/$name/upper /run/rack-sys/$name/work; done
for nic in {nics}; do
  ln -s ../../../pci0000:00 /run/rack-sys/$nic/upper/device
  mount -t overlay -o lowerdir=/sys/devices/virtual/net/$nic,upperdir=/run/rack-sys/$nic/upper,workdir=/run/rack-sys/$nic/work \\
    rack /sys/devices/virtual/net/$nic
done
mkdir -p /run/rack-sys/class/upper/dmi
cp -r $R/dmi /run/rack-sys/class/upper/dmi/id
mount -t overlay -o lowerdir=/sys/class,upperdir=/run/rack-sys/class/upper,workdir=/run/rack-sys/class/work rack /sys/class
exec /sbin/init
"""

_LSBLK = """#!/bin/sh
# The machine's disk is a loop device of the rack: it is to be seen as the disk that it stands for.
set -o pipefail 2>/dev/null
{real} "$@" | awk -v disk='"{disk}"' -v serial='"{serial}"' '
  /"kname"|"name"/ {{ mine = index($0, disk) > 0 }}
  {{ gsub(/"type": ?"loop"/, "\\"type\\": \\"disk\\""); gsub(/TYPE="loop"/, "TYPE=\\"disk\\""); sub(/ loop *$/, " disk") }}
  mine {{ sub(/"serial": ?null/, "\\"serial\\": " serial); sub(/"model": ?null/, "\\"model\\": \\"rack disk\\"") }}
  {{ print }}'
"""


@dataclass(frozen=True)
class GuestHardware:
    """What a guest is to see. `disk` is the name of its loop device, empty when it has none."""

    name: str
    uuid: str
    serial: str
    cpus: int
    memory_mib: int
    disk: str
    nics: tuple[str, ...]
    cmdline: str


def lay_out(folder: Path, hardware: GuestHardware) -> Path:
    """Write the folder that the guest sees as /run/rack."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dmi").mkdir(parents=True)
    (folder / "cmdline").write_text(hardware.cmdline + "\n")
    (folder / "meminfo").write_text(meminfo(Path("/proc/meminfo").read_text(), hardware.memory_mib))
    (folder / "cpuinfo").write_text(cpuinfo(Path("/proc/cpuinfo").read_text(), hardware.cpus))
    for name, value in _dmi(hardware).items():
        (folder / "dmi" / name).write_text(value + "\n")
    (folder / "lshw.json").write_text(json.dumps(lshw(hardware), indent=1))
    script = _INIT.format(inside=INSIDE, disk=hardware.disk, nics=" ".join(hardware.nics))
    _executable(folder / "init", script)
    return folder


def add_tools(root: Path, hardware: GuestHardware) -> None:
    """In a ramdisk's own layer: tools which ask a kernel that is not the machine's, and the NIC's network file."""
    real = root / "usr/bin/lsblk"
    if real.exists() and not real.is_symlink():
        shutil.copy2(real, root / "usr/bin/.lsblk-real")
        _executable(
            root / "usr/bin/lsblk",
            _LSBLK.format(real="/usr/bin/.lsblk-real", disk=hardware.disk, serial=hardware.serial),
        )
    lscpu = root / "usr/bin/lscpu"
    if lscpu.exists():
        shutil.copy2(lscpu, root / "usr/bin/.lscpu-real")
        _executable(lscpu, f"#!/bin/sh\n/usr/bin/.lscpu-real \"$@\" | sed 's/^CPU(s): .*/CPU(s):   {hardware.cpus}/'\n")
    _executable(root / "usr/bin/lshw", f"#!/bin/sh\nexec cat {INSIDE}/lshw.json\n")
    for tool in ("modprobe", "hwclock"):
        _executable(root / "usr/sbin" / tool, "#!/bin/sh\nexit 0\n")
    network = root / "etc/systemd/network"
    network.mkdir(parents=True, exist_ok=True)
    for nic in hardware.nics:
        text = f"[Match]\nName={nic}\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n\n[DHCPv4]\nClientIdentifier=mac\n"
        (network / f"05-rack-{nic}.network").write_text(text)


def enter(
    root: Path, folder: Path, hardware: GuestHardware, binds: Sequence[Bind] = (), nodes: Sequence[str] = ()
) -> None:
    """Become systemd-nspawn; returns never. Its exit code: 0 switched off, 133 reboot."""
    words = [
        "systemd-nspawn",
        f"--directory={root}",
        f"--machine={hardware.name}",
        f"--uuid={hardware.uuid}",
        "--register=no",
        "--keep-unit",
        "--capability=all",
        f"--drop-capability={','.join(_REFUSED)}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        f"--bind-ro={folder}:{INSIDE}",
        *(f"--bind={node}" for node in nodes),
        *(f"--bind{'-ro' if bind.read_only else ''}={bind.source}:{bind.target}" for bind in binds),
        f"{INSIDE}/init",
    ]
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "TERM": "linux"}
    os.execvpe(words[0], words, environment)


def meminfo(host: str, mib: int) -> str:
    """The host's /proc/meminfo with the machine's memory in it."""
    kib, lines = mib * 1024, []
    for line in host.splitlines():
        name, _, rest = line.partition(":")
        value = int(rest.split()[0])
        if name == "MemTotal":
            value = kib
        elif name in ("MemFree", "MemAvailable"):
            value = min(value, kib * 9 // 10)
        elif name.startswith("Swap"):
            value = 0
        lines.append(f"{name + ':':<15}{value:>9}{' kB' if rest.rstrip().endswith('kB') else ''}")
    return "\n".join(lines) + "\n"


def cpuinfo(host: str, count: int) -> str:
    """The first CPU of the host, as often as the machine has some."""
    first = host.split("\n\n")[0]
    return "".join(re.sub(r"(?m)^processor\s*:.*$", f"processor\t: {index}", first) + "\n\n" for index in range(count))


def lshw(hardware: GuestHardware) -> dict[str, object]:
    """The inventory as lshw writes it, as far as an agent reads it."""
    memory = {
        "id": "memory",
        "class": "memory",
        "description": "System Memory",
        "units": "bytes",
        "size": hardware.memory_mib << 20,
    }
    cpu = {"id": "cpu", "class": "processor", "product": "rack CPU", "units": "Hz", "width": 64}
    firmware = {
        "id": "firmware",
        "class": "memory",
        "description": "BIOS",
        "vendor": _VENDOR,
        "version": "1",
        "date": "11/22/2026",
    }
    nics = [{"id": f"network:{nic}", "class": "network", "logicalname": nic} for nic in hardware.nics]
    core = {"id": "core", "class": "bus", "description": "Motherboard", "children": [firmware, memory, cpu, *nics]}
    return {
        "id": hardware.name,
        "class": "system",
        "product": _PRODUCT,
        "vendor": _VENDOR,
        "serial": hardware.serial,
        "configuration": {"uuid": hardware.uuid},
        "children": [core],
    }


def _dmi(hardware: GuestHardware) -> dict[str, str]:
    return {
        "sys_vendor": _VENDOR,
        "product_name": _PRODUCT,
        "product_serial": hardware.serial,
        "product_uuid": hardware.uuid,
        "chassis_asset_tag": hardware.name,
        "board_vendor": _VENDOR,
        "bios_vendor": _VENDOR,
        "modalias": f"dmi:bvn{platform.machine()}",
    }


def _executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)
