"""A root device hint finds its disk and no other, by the rules of Ironic: oslo.utils' specs_matcher, as ironic-python-agent uses it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from oslo_utils import specs_matcher

from seedvm.machines.hardware import Hardware
from seedvm.machines.selection import falls, is_root, remarks, root_disk, root_hint
from seedvm.site.model import Needs

NEEDS = Needs(cpus=1, memory_mib=1, disk_gib=1)
WWN = "nvme.1987-3241313430373935304644453030313434343430-53504343204d2e32205043496520535344-00000001"


def hardware(*disks: dict[str, Any]) -> Hardware:
    named = [{"name": f"/dev/sd{letter}", "size": 64 << 30, **one} for letter, one in zip("abcd", disks, strict=False)]
    return Hardware.of({"inventory": {"disks": named}})


def hint(*disks: dict[str, Any]) -> dict[str, str] | None:
    """The hint for the first disk."""
    found = hardware(*disks)
    said = root_hint(found, found.disks[0])
    return None if said is None else dict(said)


def ironic_finds(disk: dict[str, Any], said: dict[str, str]) -> bool:
    """As device_hints.find_devices_by_hints: both sides stripped, in lower case and quoted; `s==` where there is no operator."""
    return all(
        specs_matcher.match(quote(str(disk.get(name)).strip().lower()), f"s== {quote(value.strip().lower())}")
        for name, value in said.items()
    )


def test_a_wwn_is_handed_on_whole() -> None:
    disk = {"wwn": WWN, "serial": None}
    assert hint(disk) == {"wwn": WWN}
    assert ironic_finds(disk, {"wwn": WWN})
    assert not ironic_finds(disk, {"wwn": WWN[:60]})
    long = "N" * 300
    assert hint({"serial": long}) == {"serial": long}


@pytest.mark.parametrize(
    "serial",
    [
        "", None, "To be filled by O.E.M.", "Default string", "None", "N/A", "0000000000", "..........", "Not Specified", 5,
        "S" * 5000, "AB\x1b[2J12", "AB\u202e12", "= 12", "s== 12", "<in> 12", ">12",
    ],
)  # fmt: skip
def test_what_ironic_cannot_compare_is_no_hint_and_the_next_one_is_used(serial: object) -> None:
    assert hint({"serial": serial, "wwn": "0x5000c500a0b1c2d3"}) == {"wwn": "0x5000c500a0b1c2d3"}
    assert hint({"serial": serial}) is None


def test_two_disks_that_ironic_cannot_tell_apart_have_no_hint() -> None:
    """It does not look at the case, nor at spaces at the ends."""
    assert hint({"serial": "abc1"}, {"serial": " ABC1 "}) is None
    assert hint({"serial": "abc1", "wwn": "0x1a"}, {"serial": "ABC1", "wwn": "0x2b"}) == {"wwn": "0x1a"}


@pytest.mark.parametrize("serial", ["abc 12", "AB-12_x.y~z", "Ä12", "12 <or> 13", "a=b", "100%", "serial/1"])
def test_every_hint_finds_its_disk(serial: str) -> None:
    disk = {"serial": serial}
    said = hint(disk)
    assert said == {"serial": serial}
    assert ironic_finds(disk, said)
    assert is_root(hardware(disk).disks[0], said)
    assert not ironic_finds({"serial": f"{serial}x"}, said)


def test_a_serial_that_cannot_identify_is_named() -> None:
    found = hardware({"serial": "S\x1b[2J" * 9, "wwn": "0x5000c500a0b1c2d3"})
    assert any("/dev/sda: its serial cannot identify it" in one for one in remarks(found))
    assert not [one for one in falls(found, NEEDS) if one.requirement == "serial"]
    assert not any("\x1b" in one for one in remarks(found))
    assert root_disk(found, NEEDS) is found.disks[0]
