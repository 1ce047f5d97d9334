"""Cleaning removes the racks of this checkout and leaves those of another."""

from __future__ import annotations

from pathlib import Path

from seedvm.rack.rack import leftovers


def test_a_rack_belongs_to_the_checkout_that_its_folder_is_in(tmp_path: Path) -> None:
    run, here, there = tmp_path / "run", tmp_path / "here/build/rack", tmp_path / "there/build/rack"
    for name, state in (("demo", there), ("mine", here)):
        (run / name).mkdir(parents=True)
        (run / name / "state").write_text(str(state / name))
    for name in ("demo", "mine", "stopped"):  # `demo` ran here before it ran there
        (here / name).mkdir(parents=True)
    found = leftovers(run, here, ["demo", "nameless"])
    assert {one.name: one.of(here) for one in found} == {
        "demo": False,
        "mine": True,
        "nameless": False,
        "stopped": True,
    }
    assert {one.name: one.folder for one in found}["demo"] == there / "demo"
