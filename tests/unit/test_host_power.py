"""What the laptop's power says, from folders as /sys/class/power_supply has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.host import power


def supply(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / file).write_text(f"{text}\n")


def test_a_machine_without_a_battery_or_without_the_folder_says_nothing(tmp_path: Path) -> None:
    assert power.warning(tmp_path) == ""
    assert power.warning(tmp_path / "absent") == ""


@pytest.mark.parametrize(("online", "warned"), [("1", False), ("0", True)])
def test_a_laptop_on_its_battery_is_told_with_its_charge(tmp_path: Path, online: str, warned: bool) -> None:
    supply(tmp_path, "AC", type="Mains", online=online)
    supply(tmp_path, "BAT0", type="Battery", capacity="41", status="Discharging")
    assert ("41 %" in power.warning(tmp_path)) == warned


def test_a_mouse_with_a_battery_is_not_a_laptop(tmp_path: Path) -> None:
    supply(tmp_path, "hid-1", type="Battery", scope="Device", capacity="5")
    assert power.warning(tmp_path) == ""
