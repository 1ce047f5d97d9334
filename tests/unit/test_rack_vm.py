"""What a VM machine's QEMU is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from seedvm.base.errors import InvalidFile
from seedvm.rack.model import MachineSpec, parse_rack
from seedvm.rack.sandbox import vm

_RACK = """\
rack: desk
networks:
  provisioning: {cidr: 172.22.0.0/24, router: 172.22.0.1}
  bmc: {cidr: 172.22.1.0/24, router: 172.22.1.1}
machines:
  - {name: m1, KIND uuid: 11111111-2222-3333-4444-555555555501, mac: "52:54:00:aa:00:01", cpus: 4, memory_mib: 512,
     disk_gib: 1, serial: S1, bmc: {protocol: redfish, address: 172.22.1.21, user: admin, password: hush}}
"""


def machine(kind: str) -> MachineSpec:
    return parse_rack(_RACK.replace("KIND", kind), Path("rack.yaml")).machine("m1")


def words(kind: str, devices: tuple[str, ...] = ("network", "disk"), *, fast: bool = False) -> str:
    return " ".join(vm.words(machine(kind), Path("/rack/m1"), Path("/run/m1.qmp"), devices, fast=fast))


def test_a_machine_is_a_container_unless_the_rack_file_says_vm() -> None:
    assert (machine("").kind, machine("").firmware) == ("container", "bios")
    assert (machine("kind: vm, firmware: uefi,").kind, machine("kind: vm, firmware: uefi,").firmware) == ("vm", "uefi")


_WRONG = ["kind: mainframe,", "firmware: uefi,", "kind: vm, firmware: openboot,", "clock_ahead_seconds: 5,"]


@pytest.mark.parametrize("wrong", [*_WRONG, "kind: vm, clock_ahead_seconds: soon,"])
def test_an_unknown_kind_or_firmware_and_a_container_with_firmware_or_a_clock_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidFile):
        machine(wrong)


def test_the_devices_are_tried_in_the_order_that_the_bmc_set() -> None:
    assert "serial=S1,bootindex=2" in words("kind: vm,")
    assert "bootindex=1" in words("kind: vm,", ("disk", "network")).partition("virtio-blk-pci")[2].split()[0]


def test_emulated_it_has_the_one_cpu_that_is_stable_and_with_kvm_its_own() -> None:
    assert "-accel tcg,tb-size=512 -cpu Nehalem,-cx16,vendor=AuthenticAMD -smp 1 " in words("kind: vm,")
    assert "-accel kvm -cpu host -smp 4 " in words("kind: vm,", fast=True)


def test_a_hardware_clock_is_ahead_or_behind_or_the_hosts() -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    assert vm.clock(machine("kind: vm, clock_ahead_seconds: 80,"), now) == [
        "-rtc",
        "base=2026-12-01T00:00:50,clock=host",
    ]
    assert vm.clock(machine("kind: vm, clock_ahead_seconds: -30,"), now) == [
        "-rtc",
        "base=2026-11-30T23:59:00,clock=host",
    ]
    assert vm.clock(machine("kind: vm,"), now) == []
    assert "-rtc" in words("kind: vm, clock_ahead_seconds: 80,") and "-rtc" not in words("kind: vm,")


def test_a_uefi_machine_keeps_its_firmwares_variables_in_its_folder(tmp_path: Path) -> None:
    if not Path("/usr/share/OVMF/OVMF_CODE_4M.fd").exists():
        pytest.skip("ovmf is not installed")
    told = vm.words(machine("kind: vm, firmware: secure,"), tmp_path, tmp_path / "qmp", ("disk", "network"), fast=False)
    assert any(f"file={tmp_path}/firmware.vars" in word for word in told)
    (tmp_path / "firmware.vars").write_text("kept")
    vm.words(machine("kind: vm, firmware: secure,"), tmp_path, tmp_path / "qmp", ("disk", "network"), fast=False)
    assert (tmp_path / "firmware.vars").read_text() == "kept"
