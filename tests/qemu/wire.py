"""A wire with stock boot servers in a namespace of its own, QEMU on it as the rack starts it, and a kernel that says how it was booted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from seedvm.base import process
from seedvm.image.build import build
from seedvm.rack.model import MachineSpec, parse_rack
from seedvm.rack.sandbox import vm
from tests.boot_servers import boot_servers
from tests.qemu.laptop import SOURCE, until

RACK = """\
rack: wire
networks:
  provisioning: {cidr: 172.22.0.0/24, router: 172.22.0.1}
  bmc: {cidr: 172.22.1.0/24, router: 172.22.1.1}
machines:
  - {name: bios, kind: vm, uuid: 11111111-2222-3333-4444-555555555511, mac: "52:54:00:aa:00:11", cpus: 1, memory_mib: 512, disk_gib: 1,
     serial: WIRE1, bmc: {protocol: ipmi, address: 172.22.1.21, user: admin, password: hush}}
  - {name: uefi, kind: vm, firmware: uefi, uuid: 11111111-2222-3333-4444-555555555512, mac: "52:54:00:aa:00:12", cpus: 1,
     memory_mib: 768, disk_gib: 1, serial: WIRE2, bmc: {protocol: ipmi, address: 172.22.1.22, user: admin, password: hush}}
  - {name: secure, kind: vm, firmware: secure, uuid: 11111111-2222-3333-4444-555555555513, mac: "52:54:00:aa:00:13", cpus: 1,
     memory_mib: 768, disk_gib: 1, serial: WIRE3, bmc: {protocol: ipmi, address: 172.22.1.23, user: admin, password: hush}}
"""
_UEFI = ("--dhcp-match=set:efi,option:client-arch,7", "--dhcp-boot=tag:!ipxe,tag:efi,boot.efi")
_NETWORK = """\
link set lo up
link add br-prov type bridge
addr add 172.22.0.1/24 dev br-prov
link set br-prov up
tuntap add tap0 mode tap
link set tap0 master br-prov up
"""
_INIT = r"""
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
int main(void) {
  static char line[4096];
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, 0);
  FILE *file = fopen("/proc/cmdline", "r");
  if (file) fgets(line, sizeof line, file);
  printf("\nGUEST RUNS: %s\n", line);
  fflush(stdout);
  sync();
  if (strstr(line, "do=off")) reboot(RB_POWER_OFF);
  if (strstr(line, "do=restart")) reboot(RB_AUTOBOOT);
  for (;;) pause();
}
"""


class Boot:
    """One boot of one machine."""

    def __init__(self, machine: MachineSpec, folder: Path, end: Future[str]) -> None:
        self._name = machine.name
        self._folder = folder
        self._end = end

    def console(self) -> str:
        return (self._folder / "console.log").read_text(errors="replace")

    def says(self, *texts: str, seconds: float) -> None:
        """Wait until each of the texts was on the serial line."""
        for text in texts:
            try:
                until(f"{self._name} to say {text!r}", lambda wanted=text: wanted in self.console(), seconds)  # type: ignore[misc]
            except AssertionError as error:
                raise AssertionError(f"{error}; last: {self.console()[-2000:]!r}") from error

    def ends(self) -> str:
        """Wait for the end; why it came."""
        return self._end.result(timeout=60)


class Wire:
    """The wire and what is offered on it."""

    def __init__(self, scratch: Path, namespace: str) -> None:
        self.served = scratch / "served"
        self._scratch = scratch
        self._namespace = namespace

    def offer(self, do: str) -> None:
        """What iPXE is told to boot."""
        url = "http://172.22.0.1:8089"
        script = f"#!ipxe\nkernel {url}/kernel console=ttyS0 by=${{platform}} do={do} initrd=ramdisk\ninitrd {url}/ramdisk\nboot\n"
        (self.served / "boot.ipxe").write_text(script)

    @contextlib.contextmanager
    def power_on(self, name: str) -> Iterator[Boot]:
        """The machine on, network before disk, as long as the block."""
        machine, folder = parse_rack(RACK, Path("rack.yaml")).machine(name), self._scratch / name
        folder.mkdir(exist_ok=True)
        with (folder / "disk.img").open("ab") as disk:
            disk.truncate(machine.disk_gib << 30)
        (folder / "console.log").write_text("")
        (folder / "qmp").unlink(missing_ok=True)
        words = vm.words(machine, folder, folder / "qmp", ("network", "disk"), fast=False)
        child = process.spawn(process.Command(words, netns=self._namespace), log=folder / "console.log")
        with ThreadPoolExecutor(1) as pool:  # who asks for the reason when QEMU is gone comes too late
            try:
                yield Boot(machine, folder, pool.submit(vm.reason_of_end, folder / "qmp", child))
            finally:
                process.stop(child)


@contextlib.contextmanager
def wire(scratch: Path) -> Iterator[Wire]:
    """Up, with DHCP, TFTP and HTTP."""
    images = (SOURCE / "build/cache/images/current").resolve()
    if not (images / "ramdisk.kernel").exists():
        images = build(SOURCE / "build/cache").folder
    namespace = f"wire-{os.getpid()}"
    here = Wire(scratch, namespace)
    (here.served / "grub").mkdir(parents=True)
    shutil.copy(images / "ramdisk.kernel", here.served / "kernel")
    _make_ramdisk(scratch, here.served / "ramdisk")
    process.run(["ip", "netns", "add", namespace], timeout=20)
    servers: list[process.Child] = []
    try:
        process.run(["ip", "-n", namespace, "-batch", "-"], timeout=20, input=_NETWORK)
        for words in boot_servers(here.served, *_UEFI):
            servers.append(process.spawn(process.Command(words, netns=namespace), log=scratch / "servers.log"))
        yield here
    finally:
        for server in servers:
            process.stop(server)
        process.run(["ip", "netns", "del", namespace], timeout=20)


def _make_ramdisk(scratch: Path, target: Path) -> None:
    root = scratch / "root"
    (root / "dev").mkdir(parents=True)
    (scratch / "init.c").write_text(_INIT)
    process.run(["gcc", "-static", "-O1", "-o", root / "init", scratch / "init.c"], timeout=60)
    process.run(["mknod", root / "dev/console", "c", "5", "1"], timeout=10)
    process.run(
        process.Command(["sh", "-c", 'find . | cpio --create --format=newc --quiet >"$0"', str(target)], cwd=root),
        timeout=30,
    )
