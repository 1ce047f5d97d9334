"""What an inspection found, read from Ironic's answer: disks with what is on them, links, the switch, the clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.machines.hardware import NOT_READ, Hardware, Nic, holds

ENDED = "2026-11-23T03:00:00+00:00"
ENDED_SECONDS = 1795402800.0
INVENTORY: dict[str, Any] = {
    "cpu": {"count": 8, "architecture": "x86_64"},
    "memory": {"physical_mb": 16384, "total": 16500000000},
    "system_vendor": {
        "manufacturer": "Dell Inc.",
        "product_name": "R640",
        "serial_number": "ABC1234",
        "firmware": {"vendor": "Dell Inc.", "version": "2.1", "build_date": "01/02/2024"},
    },
    "boot": {"pxe_interface": "01-52-54-00-AA-00-01", "current_boot_mode": "uefi"},
    "disks": [
        {"name": "/dev/sda", "size": 64 << 30, "serial": "R1", "wwn": "0x5000", "wwn_with_extension": "0x50001"},
        {"name": "/dev/sdb", "size": 4000 << 30, "serial": None},
    ],
    "interfaces": [
        {"name": "eth0", "mac_address": "52:54:00:AA:00:01", "has_carrier": True, "speed_mbps": 1000},
        {"name": "eth1", "mac_address": "52:54:00:aa:00:02", "has_carrier": False},
    ],
}
LLDP = [[1, "045254005eed01"], [2, "07706f72742d3137"], [3, "0078"], [5, "746f72312d61"], [0, ""]]
CONTENTS = {"table": "gpt", "partitions": [{"bytes": 1 << 30, "name": "ESP", "type": "vfat", "label": "EFI"}]}
OURS = {"disks": {"/dev/sda": CONTENTS}, "links": {"eth0": 100}, "clock": ENDED_SECONDS + 4500}


def found(**plugin: Any) -> Hardware:
    return Hardware.of({"inventory": INVENTORY, "plugin_data": plugin}, ENDED)


def test_all_that_the_ramdisk_tells_is_there() -> None:
    said = found(seedvm=OURS, lldp_raw={"eth0": LLDP})
    assert (said.cpus, said.memory_mib, said.architecture, said.serial) == (8, 16384, "x86_64", "ABC1234")
    assert (said.product, said.firmware) == ("Dell Inc. R640", "Dell Inc. 2.1 01/02/2024")
    assert (said.boot_mode, said.clock_ahead) == ("uefi", 4500)
    assert said.boot_nic == Nic("eth0", "52:54:00:aa:00:01", 100, True, "tor1-a", "port-17")
    assert [(one.device, one.serial, one.holds) for one in said.disks] == [
        ("/dev/sda", "R1", "gpt: vfat 'EFI' 1.0 GiB"),
        ("/dev/sdb", "", NOT_READ),
    ]


def test_a_ramdisk_without_our_collector_leaves_it_unknown() -> None:
    said = found()
    assert (said.clock_ahead, said.disks[0].holds) == (None, NOT_READ)
    assert said.boot_nic == Nic("eth0", "52:54:00:aa:00:01", None, True)


@pytest.mark.parametrize(
    "tlvs",
    [
        [],
        [[float("inf"), "07"]],
        [[10**400, "07"]],
        [[None, None]],
        [[1, "zz"]],
        [[2, "07"]],
        [["a", "07"]],
        None,
        [[1, "04" + "00" * 700]],
    ],
)
def test_a_switch_that_speaks_nonsense_is_no_switch(tlvs: Any) -> None:
    nic = found(lldp_raw={"eth0": tlvs}).boot_nic
    assert nic is not None
    assert (nic.switch, nic.port) == ("", "")


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (None, NOT_READ),
        ({"error": "OSError: I/O error", "blank": True}, "not readable: OSError: I/O error"),
        ({"blank": True}, "nothing"),
        ({"blank": False}, "unknown data"),
        ({"found": {"type": "LVM2_member"}}, "LVM physical volume"),
        ({"found": {"type": "several"}}, "conflicting signatures"),
        ({"table": "dos", "partitions": []}, "dos: no partitions"),
        (
            {"table": "gpt", "partitions": [{"bytes": 2 << 30, "type": "linux_raid_member", "label": "db:0"}]},
            "gpt: Linux RAID member 'db:0' 2.0 GiB",
        ),
        (
            {"table": "gpt", "partitions": [{"bytes": 1 << 29, "name": "swap"}, {"bytes": 1 << 29, "name": ""}]},
            "gpt: 'swap', content unknown 0.5 GiB, content unknown 0.5 GiB",
        ),
        (
            {"table": "gpt", "partitions": [{"bytes": 1 << 30, "type": "ext4"}] * 6},
            "gpt: " + ", ".join(["ext4 1.0 GiB"] * 4) + " and 2 more",
        ),
    ],
)
def test_what_a_disk_holds_is_said_in_words(contents: Any, words: str) -> None:
    assert holds(contents) == words


def test_a_label_cannot_play_with_the_terminal() -> None:
    assert "\x1b" not in holds({"found": {"type": "ext4", "label": "\x1b[2Jhome\n"}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.sampled_from(("inventory", "plugin_data"))
NAMES = st.sampled_from((*INVENTORY, "seedvm", "lldp_raw"))
INSIDE = st.sampled_from(
    (*CONTENTS, *OURS, "eth0", "/dev/sda", "name", "size", "count", "physical_mb", "firmware", "found")
)


@given(place=PLACES, name=NAMES, inside=INSIDE, value=JSON)
def test_whatever_a_machine_tells_is_read_or_passed_by(place: str, name: str, inside: str, value: Any) -> None:
    """Any value in any place, and one step further in: a machine that lies must not stop the inspection of the others."""
    whole: dict[str, Any] = {
        "inventory": dict(INVENTORY),
        "plugin_data": {"seedvm": dict(OURS), "lldp_raw": {"eth0": LLDP}},
    }
    for planted in (value, {inside: value}, [{inside: value}]):
        assert Hardware.of({**whole, place: {**whole[place], name: planted}}, ENDED).product is not None
    assert isinstance(holds({**CONTENTS, inside: value}), str)


def test_a_nic_whose_mac_cannot_be_read_is_not_the_one_that_it_booted_from() -> None:
    nics = [
        {"name": "eth0", "mac_address": "nonsense", "has_carrier": False},
        {"name": "eth1", "mac_address": "52:54:00:aa:00:02", "has_carrier": True},
    ]
    said = Hardware.of({"inventory": {"interfaces": nics, "boot": {"pxe_interface": None}}})
    assert said.boot_nic == said.nics[1]


@pytest.mark.parametrize("speed", [-1, 0, 4294967295, "1000", float("nan"), True, None])
def test_a_speed_that_the_kernel_does_not_know_is_unknown(speed: object) -> None:
    nic = found(seedvm={"links": {"eth0": speed}}).boot_nic
    assert nic is not None and nic.mbps is None
