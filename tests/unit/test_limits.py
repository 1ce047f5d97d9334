"""What a seed must have: the same limits for the wizard, the laptop and the engine's preflight."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seedvm.base.capacity import free_bytes, memory_mib
from seedvm.base.nics import SystemNic, nic, nics
from seedvm.site import limits
from tests.tui.helpers import cable
from tui.backend.seed_checks import looks


@pytest.mark.parametrize(("mib", "enough"), [(3000, False), (3499, False), (3500, True), (16000, True)])
def test_memory(mib: int, enough: bool) -> None:
    assert (limits.memory(mib) is None) == enough


def test_the_disk_holds_the_golden_image_twice_until_it_is_stored() -> None:
    golden = 5 << 30
    assert limits.disk(11 << 30, golden, stored=False) is not None
    assert limits.disk(12 << 30, golden, stored=False) is None
    assert limits.disk(2 << 30, golden, stored=True) is None
    assert limits.disk(1 << 30, golden, stored=True) is not None


@pytest.mark.parametrize(
    ("link", "speed", "refused", "slow"),
    [
        (False, 0, True, False),
        (True, 10, True, True),
        (True, 100, False, True),
        (True, 1000, False, False),
        (True, 0, False, False),
    ],
)
def test_a_slow_link_is_warned_of_and_one_that_cannot_carry_images_is_refused(
    link: bool, speed: int, refused: bool, slow: bool
) -> None:
    port = SystemNic("eth0", link, speed, "52:54:00:00:00:01", "")
    assert (limits.link(port) is not None, limits.slow(port) is not None) == (refused, slow)


def test_a_clock_before_the_images_were_built_is_wrong() -> None:
    built = 1_790_000_000.0
    assert limits.clock(built, built) is None and limits.clock(built - 3600, built) is None
    assert limits.clock(built - 2 * 86400, built) is not None
    assert limits.clock(0, None) is not None


def test_the_wizard_finds_wrong_with_this_machine_what_the_engine_would(tmp_path: Path) -> None:
    golden = tmp_path / "golden.raw"
    golden.write_bytes(bytes(1 << 20))
    found = {one.name: one for one in looks(tmp_path, nics(cable(tmp_path)))}
    assert found["memory"].good == (limits.memory(memory_mib()) is None)
    stored = golden.stat().st_blocks * 512
    assert found["disk"].good == (limits.disk(free_bytes(limits.STORE), stored, stored=False) is None)
    assert not found["NIC none1"].good and "look" not in found["NIC none1"].seen


def test_memory_is_read_from_the_kernels_own_words(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:        4194304 kB\nMemAvailable:    2097152 kB\n")
    assert memory_mib("MemTotal", tmp_path / "meminfo") == 4096
    assert memory_mib("MemAvailable", tmp_path / "meminfo") == 2048
    assert memory_mib("HugePages", tmp_path / "meminfo") == 0


def test_an_interface_is_read_alone_or_among_all(tmp_path: Path) -> None:
    found = nic("none0", cable(tmp_path))
    assert found is not None and (found.link, found.speed) == (True, 10000)
    assert nic("none9", cable(tmp_path)) is None
    down = nic("none2", cable(tmp_path))
    assert down is not None and not down.link and down.speed == 0


def test_free_space_is_that_of_the_file_system_a_path_will_be_on(tmp_path: Path) -> None:
    """No exact figure: others write to this disk. /proc has no space at all, whatever happens."""
    assert 0 < free_bytes(tmp_path / "not" / "there") <= shutil.disk_usage(tmp_path).total
    assert free_bytes(Path("/proc/not/there")) == 0
