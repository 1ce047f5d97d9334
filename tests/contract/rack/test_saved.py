"""A saved rack comes back as it was: disks, BMC's password and boot device, and what was on is on again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from seedvm.cli import main
from seedvm.rack import control, rack
from seedvm.rack.sandbox import loop
from tests.contract.rack.desk import Desk, open_desk, until
from tests.contract.rack.toy_machine import write_disk

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, loop devices and containers need root"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """m1 runs from its disk, m2 is off."""
    with open_desk(tmp_path_factory.mktemp("rack")) as one:
        disk = one.spec.folder("m1") / "disk.img"
        loop.wait_free(disk)
        write_disk(one.tree, disk, one.scratch)
        rack.order(one.spec, "m1", "on")
        until("the system", lambda: one.booted("m1", "disk"))
        yield one


def verb(desk: Desk, name: str, *words: str) -> int:
    return main(["rack", name, "--file", str(desk.spec.file), *words])


def test_a_saved_rack_is_brought_back_with_what_ran(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.inside("m1", "touch", "/root/before")
    desk.ipmitool("user", "set", "password", "2", "hush-changed")
    control.call(desk.spec.socket("m2"), {"do": "boot", "device": "pxe", "once": False})
    assert verb(desk, "save", "point") == 0
    assert "before" in desk.inside("m1", "ls", "/root"), "what ran runs on"
    desk.inside("m1", "touch", "/root/after")
    desk.ipmitool("user", "set", "password", "2", "hush-again", password="hush-changed")
    rack.order(desk.spec, "m2", "on")
    verb(desk, "fault", "m1", "cut")

    assert verb(desk, "restore", "point") == 0
    until("the system", lambda: desk.booted("m1", "disk"))
    assert desk.inside("m1", "ls", "/root").split() == ["before"]
    assert not rack.is_on(desk.spec, "m2")
    assert control.call(desk.spec.socket("m2"), {"do": "status"}).boot_device == "pxe"
    assert "is off" in desk.ipmitool("power", "status", password="hush-changed").stdout
    capsys.readouterr()
    assert verb(desk, "faults") == 0
    assert capsys.readouterr().out == "no fault is active\n"
    assert verb(desk, "saved") == 0
    said = capsys.readouterr().out
    assert said.startswith("point: ") and said.endswith("on: m1\n")


def test_a_name_that_is_taken_or_unknown_and_another_rack_file_are_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(desk, "save", "twice") == 0
    assert verb(desk, "save", "twice") == 1
    assert "there is a saved rack twice already" in capsys.readouterr().err
    assert verb(desk, "restore", "never") == 1
    assert "there is no saved rack never" in capsys.readouterr().err
    text = desk.spec.file.read_text()
    desk.spec.file.write_text(text.replace("hush-m1", "hush-other"))
    try:
        assert verb(desk, "restore", "twice") == 1
        assert "rack.yaml has changed since" in capsys.readouterr().err
    finally:
        desk.spec.file.write_text(text)
    assert rack.is_on(desk.spec, "m1"), "a refused restore touches nothing"
