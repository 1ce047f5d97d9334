"""A scan goes on where it stopped, and only where it is the same scan."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.scan.evidence import Bmc, Evidence
from seedvm.scan.ranges import addresses
from seedvm.scan.state import FILE, ScanProgress, spans

BMC = Bmc("10.0.0.3", ("redfish",), (Evidence("uuid", "u", "Redfish service root", "t"),))
RANGES = ("10.0.0.1-10.0.0.9",)


def begun(folder: Path) -> None:
    progress = ScanProgress(folder, RANGES)
    progress.found(BMC)
    progress.block(addresses(["10.0.0.1-10.0.0.5"]))


def test_what_was_done_and_found_is_known_again(tmp_path: Path) -> None:
    begun(tmp_path)
    again = ScanProgress(tmp_path, RANGES)
    assert again.done() == frozenset(addresses(["10.0.0.1-10.0.0.5"]))
    assert again.bmcs == {BMC.address: BMC}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_other_ranges_fresh_and_finished_scans_start_anew(tmp_path: Path) -> None:
    begun(tmp_path)
    assert not ScanProgress(tmp_path, ("10.0.0.1-10.0.0.8",)).resumed
    assert not ScanProgress(tmp_path, RANGES, fresh=True).resumed
    ScanProgress(tmp_path, RANGES).save(complete=True)
    assert not ScanProgress(tmp_path, RANGES).resumed


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"ranges": ["10.0.0.1-10.0.0.9"], "complete": false, "done": ["x"], "bmcs": []}']
)
def test_a_file_that_we_did_not_write_starts_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert not ScanProgress(tmp_path, RANGES).resumed


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    progress = ScanProgress(tmp_path / "file", RANGES)
    progress.save()
    assert not progress.kept


@given(numbers=st.sets(st.integers(0x0A0000F0, 0x0A000210)), more=st.booleans())
def test_spans_hold_what_they_were_made_of(numbers: set[int], more: bool) -> None:
    texts = [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in sorted(numbers)]
    block = addresses([*texts, *(["fd00::1", "fe80::2%eth-0"] if more else [])])
    assert addresses(spans(block)) == block
