"""Which machine becomes what, and what is said of those that fall."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seedvm.machines.hardware import Disk, Hardware, Nic
from seedvm.machines.selection import Fall, assign, falls, is_root, remarks, root_disk, root_hint, shortage
from seedvm.site.load import parse_site
from seedvm.site.model import Needs, Site

NEEDS = Needs(cpus=1, memory_mib=3000, disk_gib=12)
FIT = ("172.22.1.21", "172.22.1.22", "172.22.1.23", "172.22.1.24")


def found(memory: int = 6144, disks: tuple[tuple[int, str], ...] = ((20, "S1"),), cpus: int = 2) -> Hardware:
    listed = tuple(Disk(f"/dev/sd{'abc'[at]}", serial, size << 30, "") for at, (size, serial) in enumerate(disks))
    return Hardware(cpus, memory, "x86_64", listed, "MACHINE", "Acme One")


def test_a_machine_with_what_is_needed_is_fit() -> None:
    assert falls(found(), NEEDS) == ()


def test_memory_that_firmware_keeps_back_is_forgiven() -> None:
    assert falls(found(memory=2900), NEEDS) == ()


def test_every_requirement_that_it_falls_short_of_is_named() -> None:
    said = falls(found(memory=1024, disks=((4, "S1"),), cpus=0), NEEDS)
    assert [one.requirement for one in said] == ["cpus", "memory", "disk"]
    assert "1024 MiB of memory, 3000 required" in said[1].reason
    assert "4 GiB, 12 required" in said[2].reason


def test_what_was_not_read_is_not_said_to_be_none() -> None:
    said = falls(found(memory=0, disks=((0, "S1"),), cpus=0), NEEDS)
    assert [one.requirement for one in said] == ["cpus", "memory", "disk"]
    assert all(one.reason.startswith("the inspection did not read the ") for one in said)
    assert falls(found(disks=()), NEEDS)[0].reason == "no disk"


def test_a_disk_without_serial_cannot_be_known_again() -> None:
    assert [one.requirement for one in falls(found(disks=((20, ""),)), NEEDS)] == ["serial"]


def test_a_disk_without_serial_is_known_by_its_wwn() -> None:
    disk = Disk("/dev/sda", "", 20 << 30, "", wwn="0x5000", wwn_with_extension="0x50001")
    machine = replace(found(), disks=(disk,))
    hint = root_hint(machine, disk)
    assert falls(machine, NEEDS) == ()
    assert hint == {"wwn_with_extension": "0x50001"}
    assert is_root(disk, hint)
    assert not is_root(replace(disk, wwn_with_extension="0x50002"), hint)


def test_a_serial_that_two_disks_have_is_no_name() -> None:
    assert [one.requirement for one in falls(found(disks=((20, "RAID"), (20, "RAID"))), NEEDS)] == ["serial"]
    other = found(disks=((20, "RAID"), (20, "RAID"), (30, "OWN")))
    assert root_disk(other, NEEDS) == other.disks[2]


def test_no_hint_means_no_disk() -> None:
    assert not is_root(found().disks[0], {})


@pytest.mark.parametrize(("mbps", "said"), [(100, ["link"]), (1000, []), (None, [])])
def test_the_100_megabit_trap_is_a_fall_with_the_switchs_port(mbps: int | None, said: list[str]) -> None:
    nic = Nic("eth0", "52:54:00:aa:00:01", mbps, True, "tor1", "port-17")
    fallen = falls(replace(found(), nics=(nic,)), NEEDS)
    assert [one.requirement for one in fallen] == said
    assert all("port port-17" in one.cure for one in fallen)


def test_a_slow_link_that_it_did_not_boot_from_is_a_remark() -> None:
    nics = (Nic("eth0", "a", 10000, True), Nic("eth1", "b", 100, True))
    machine = replace(found(), nics=nics, boot_mac="a")
    assert falls(machine, NEEDS) == ()
    assert remarks(machine) == ("eth1 has a link of 100 Mb/s",)


@pytest.mark.parametrize(
    ("ahead", "fall", "remark"),
    [(None, 0, 0), (5, 0, 0), (900, 0, 1), (-7200, 0, 1), (4000, 1, 0), (-100 * 86400, 1, 0)],
)
def test_a_clock_that_breaks_the_deployment_is_a_fall(ahead: float | None, fall: int, remark: int) -> None:
    machine = replace(found(), clock_ahead=ahead)
    assert (len(falls(machine, NEEDS)), len(remarks(machine))) == (fall, remark)


def test_another_architecture_is_a_fall() -> None:
    assert [one.requirement for one in falls(replace(found(), architecture="aarch64"), NEEDS)] == ["architecture"]


def test_the_root_disk_is_the_smallest_that_is_large_enough() -> None:
    disk = root_disk(found(disks=((4000, "DATA"), (8, "USB"), (20, "ROOT"))), NEEDS)
    assert disk is not None
    assert disk.serial == "ROOT"


def test_roles_go_by_address_and_the_operators_word_goes_first(site: Site) -> None:
    given = assign(site, FIT)
    assert given.roles == {
        "172.22.1.21": "undercloud",
        "172.22.1.22": "undercloud",
        "172.22.1.23": "undercloud",
        "172.22.1.24": "spare",
    }
    assert given.lacking == 0
    assert given.order("172.22.1.23") == 2


def test_a_machine_said_to_be_undercloud_goes_before_its_address(site_text: str) -> None:
    site = parse_site(site_text.replace("role: spare", "role: undercloud"))
    given = assign(site, FIT)
    assert given.roles["172.22.1.24"] == "undercloud"
    assert given.roles["172.22.1.23"] == "spare"


def test_a_spare_never_fills_a_gap_and_the_lack_is_counted(site: Site) -> None:
    given = assign(site, ("172.22.1.21", "172.22.1.24"))
    assert given.lacking == 2
    assert given.roles["172.22.1.24"] == "spare"


@pytest.mark.parametrize("others", [(), ("172.22.1.25: no password",)])
def test_a_shortage_counts_who_fell_where(others: tuple[str, ...]) -> None:
    fallen = (Fall("memory", "1"), Fall("memory", "2"), Fall("disk", "3"))
    said = shortage(2, 3, fallen, others)
    assert said.startswith(
        "2 of 3 undercloud machines are missing: 2 rejected because of memory; 1 rejected because of disk"
    )
    assert all(one in said for one in others)
