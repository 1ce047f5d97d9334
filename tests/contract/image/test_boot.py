"""The golden image as a machine of a rack: what it writes, what it keeps, and that it is reached when nobody tells it anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image.build import build
from seedvm.rack import rack
from seedvm.rack.firmware import disk as disks
from seedvm.rack.firmware import gpt
from seedvm.rack.model import RackSpec
from seedvm.rack.sandbox import loop
from tests.contract import config_drive
from tests.contract.rack.desk import rack_in, until

CACHE = Path(__file__).parents[3] / "build/cache"
ADDRESS = "172.22.0.11"
RACK = """\
rack: imb
networks:
  provisioning: {cidr: 172.22.0.0/24, router: 172.22.0.1}
  bmc: {cidr: 172.22.1.0/24, router: 172.22.1.1}
machines:
  - {name: m1, uuid: 11111111-2222-3333-4444-555555555511, mac: "52:54:00:aa:01:01", cpus: 1, memory_mib: 2048, disk_gib: 20,
     serial: IMB1, bmc: {protocol: ipmi, address: 172.22.1.21, user: admin, password: hush-m1}}
"""
# What a booted machine may leave in memory: caches, locks, empty folders, and marks of the boot itself.
SCRATCH = ("/var/cache/", "/var/tmp/", "/var/lib/private", "/var/lib/dbus/machine-id", "/var/spool/", "/var/.updated")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, loop devices and containers need root"),
]


class Machine:
    """The one machine of the rack, seen from the router."""

    def __init__(self, spec: RackSpec) -> None:
        self.spec = spec

    @property
    def disk(self) -> Path:
        return self.spec.folder("m1") / "disk.img"

    def inside(self, command: str) -> str:
        return process.run(rack.exec_argv(self.spec, "m1", ["bash", "-euc", command]), timeout=60).stdout.strip()

    def is_up(self) -> bool:
        try:
            return self.inside("systemctl is-system-running || true") in ("running", "degraded")
        except SeedvmError:
            return False

    def answers(self) -> bool:
        """Whether SSH greets at the machine's address."""
        greet = f"exec 3<>/dev/tcp/{ADDRESS}/22 && head -c 4 <&3"
        done = process.run(
            process.Command(["timeout", "2", "bash", "-c", greet], netns=self.spec.namespace), timeout=10, check=False
        )
        return done.stdout == "SSH-"

    def boot(self) -> None:
        rack.order(self.spec, "m1", "on")
        until("the system", self.is_up, timeout=180)

    def switch_off(self) -> None:
        rack.order(self.spec, "m1", "off")
        loop.wait_free(self.disk)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    golden = build(CACHE).folder / "golden.raw"
    scratch = tmp_path_factory.mktemp("imb")
    with rack_in(scratch, RACK) as spec:
        spec.folder("m1").mkdir(parents=True)
        disks.write(golden, spec.folder("m1") / "disk.img", 20)
        config_drive.add(spec.folder("m1") / "disk.img", scratch, mac="52:54:00:aa:01:01", address=ADDRESS)
        rack.up(spec)
        yield Machine(spec)


def test_a_node_has_its_static_address_when_the_metadata_service_is_silent(machine: Machine) -> None:
    machine.boot()
    until("SSH", machine.answers, timeout=60)
    assert machine.inside("hostname") == "undercloud-0"


def test_nothing_outside_state_was_written_that_anybody_would_miss(machine: Machine) -> None:
    root = "findmnt --noheadings --output OPTIONS --first-only /"
    assert machine.inside(root).split(",")[0] == "ro"
    written = machine.inside("cd /state/memory; find var/upper root/upper -type f").splitlines()
    paths = ["/" + path.replace("/upper", "", 1) for path in written]
    assert [path for path in paths if not path.startswith(SCRATCH)] == []


def test_units_that_failed_are_none(machine: Machine) -> None:
    assert machine.inside("systemctl --failed --no-legend --plain") == ""


def test_replacing_root_keeps_all_state(machine: Machine) -> None:
    shown = "cat /etc/machine-id /etc/hostname /etc/ssh/*.pub; ls /var/lib/cloud/instances; sha256sum /etc/systemd/network/*"
    machine.inside(
        "echo kept > /var/lib/mysql/kept; echo kept > /var/lib/seedvm/kept; echo gone > /etc/nova/gone; sync"
    )
    before = machine.inside(shown)
    machine.switch_off()
    root = next(one for one in gpt.partitions(machine.disk) if one.name == "root")
    identity = machine.disk.with_name("identity.json")
    identity.write_text(json.dumps({"name": "seedvm-feedfeedfeedfeed", "hash": "feedfeedfeedfeed"}))
    order = f"rm /etc/seedvm-image.json\nwrite {identity} /etc/seedvm-image.json\n"
    process.run(["debugfs", "-w", "-f", "-", f"{machine.disk}?offset={root.start}"], timeout=60, input=order)
    machine.boot()
    assert machine.inside(shown) == before
    assert machine.inside("cat /var/lib/mysql/kept /var/lib/seedvm/kept; ls /etc/nova/gone || true") == "kept\nkept"
    until("SSH", machine.answers, timeout=60)


def test_without_its_config_drive_it_keeps_its_address(machine: Machine) -> None:
    machine.switch_off()
    drive = gpt.partitions(machine.disk)[-1]
    process.run(["sgdisk", f"--delete={drive.number}", machine.disk], timeout=30)
    machine.boot()
    until("SSH", machine.answers, timeout=60)
