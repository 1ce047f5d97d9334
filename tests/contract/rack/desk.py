"""A rack of two toy machines and the operator's place in it: what tests of the rack share."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.rack import events, rack
from seedvm.rack.model import CHILD_ENVIRONMENT, RackSpec, load_rack
from tests.boot_servers import boot_servers
from tests.contract.rack.toy_machine import make_ramdisk, make_tree

RACK = """\
rack: rkt
networks:
  provisioning: {cidr: 172.22.0.0/24, router: 172.22.0.1}
  bmc: {cidr: 172.22.1.0/24, router: 172.22.1.1}
machines:
  - {name: m1, uuid: 11111111-2222-3333-4444-555555555501, mac: "52:54:00:aa:00:01", cpus: 1, memory_mib: 512, disk_gib: 1,
     serial: RKT1, bmc: {protocol: redfish, address: 172.22.1.21, user: admin, password: hush-m1}}
  - {name: m2, uuid: 11111111-2222-3333-4444-555555555502, mac: "52:54:00:aa:00:02", cpus: 1, memory_mib: 512, disk_gib: 1,
     serial: RKT2, bmc: {protocol: ipmi, address: 172.22.1.22, user: admin, password: hush-m2}}
"""
SCRIPT = """#!ipxe
kernel http://172.22.0.1:8089/kernel ipa-api-url=http://api BOOTIF=${mac} initrd=toy || exit 1
initrd http://172.22.0.1:8089/ramdisk || exit 1
boot
"""


class Desk:
    """The operator's place: on the router of the rack."""

    def __init__(self, spec: RackSpec, tree: Path, scratch: Path) -> None:
        self.spec = spec
        self.tree = tree
        self.scratch = scratch

    def ipmitool(
        self, *words: str, password: str = "hush-m2", user: str = "admin", check: bool = True
    ) -> process.Completed:
        command = ["ipmitool", "-I", "lanplus", "-H", "172.22.1.22", "-U", user, "-E", *words]
        env = {"IPMI_PASSWORD": password}
        return process.run(process.Command(command, netns=self.spec.namespace, env=env), timeout=60, check=check)

    def python(self, text: str) -> Any:
        """Run a client of the tests' own environment on the router; what it printed, from JSON."""
        done = process.run(
            process.Command([sys.executable, "-c", text], netns=self.spec.namespace, env=CHILD_ENVIRONMENT), timeout=60
        )
        return json.loads(done.stdout.splitlines()[-1])

    def events(self, machine: str) -> list[dict[str, Any]]:
        return list(events.read(self.spec.folder(machine)))

    def count(self, machine: str, event: str) -> int:
        return sum(one["event"] == event for one in self.events(machine))

    def where(self, machine: str) -> str:
        return next(one.where for one in rack.status(self.spec).machines if one.name == machine)

    def booted(self, machine: str, where: str = "ramdisk") -> bool:
        """Whether the toy's own init runs there: it leaves a mark."""
        try:
            return self.where(machine) == where and "booted" in self.inside(machine, "ls", "/run")
        except SeedvmError:
            return False  # between firmware and init

    def inside(self, machine: str, *words: str) -> str:
        return process.run(rack.exec_argv(self.spec, machine, words), timeout=20).stdout


def until(what: str, condition: Callable[[], bool], timeout: float = 40) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(0.1)


@contextlib.contextmanager
def rack_in(folder: Path, text: str) -> Iterator[RackSpec]:
    """The rack of a rack file, which keeps its disks below this folder; not up yet, and wiped at the end."""
    with contextlib.chdir(folder):
        write_private(folder / "rack.yaml", text)
        spec = load_rack(folder / "rack.yaml")
        try:
            yield spec
        finally:
            with contextlib.chdir(folder):  # after a Ctrl-C pytest is back in its own folder
                rack.wipe(spec)


@contextlib.contextmanager
def open_desk(scratch: Path) -> Iterator[Desk]:
    """The rack up, with dnsmasq and a web server on its router."""
    tree = make_tree(scratch / "tree")
    served = scratch / "served"
    served.mkdir()
    make_ramdisk(tree, served / "ramdisk")
    (served / "kernel").write_text("a kernel that nobody runs")
    (served / "undionly.kpxe").write_bytes(bytes(50_000))
    (served / "boot.ipxe").write_text(SCRIPT)
    with rack_in(scratch, RACK) as spec:
        rack.up(spec)
        commands = boot_servers(served, "--dhcp-boot=tag:!ipxe,undionly.kpxe")
        servers = [
            process.spawn(process.Command(words, netns=spec.namespace), log=scratch / "servers.log")
            for words in commands
        ]
        try:
            yield Desk(spec, tree, scratch)
        finally:
            for server in servers:
                process.stop(server)
