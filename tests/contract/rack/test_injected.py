"""Faults that are injected while a rack runs: each does what its name says, to this machine alone, and ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.cli import main
from seedvm.cli.rack_faults import FAULTS
from seedvm.rack import inject, injected, rack
from seedvm.rack.sandbox import loop
from tests.contract.rack.desk import Desk, open_desk, until
from tests.contract.rack.toy_machine import write_disk

ADDRESSES = {"m1": "172.22.0.21", "m2": "172.22.0.22"}

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, loop devices and containers need root"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Both machines run from their disks."""
    with open_desk(tmp_path_factory.mktemp("rack")) as one:
        for name in ADDRESSES:
            disk = one.spec.folder(name) / "disk.img"
            loop.wait_free(disk)
            write_disk(one.tree, disk, one.scratch)
            rack.order(one.spec, name, "on")
        for name in ADDRESSES:
            run(one, name)
        yield one


@pytest.fixture
def whole(desk: Desk) -> Iterator[Desk]:
    """No fault before, and none left behind."""
    yield desk
    inject.heal_machines(desk.spec, ())


def run(desk: Desk, name: str) -> None:
    """Wait for a machine's system, and give it its address, which a restart forgets."""
    until("the system", lambda: desk.booted(name, "disk"))
    words = ["ip", "-n", desk.spec.machine_namespace(name), "addr", "replace", f"{ADDRESSES[name]}/24", "dev", "eth0"]
    process.run(words, timeout=20)


def fault(desk: Desk, *words: str) -> int:
    return main(["rack", "fault", "--file", str(desk.spec.file), *words])


def reaches(desk: Desk, namespace: str, address: str) -> bool:
    words = ["ping", "-c", "1", "-W", "1", address]
    return process.run(process.Command(words, netns=namespace), timeout=20, check=False).returncode == 0


def wires(desk: Desk) -> tuple[bool, bool, bool]:
    """Whether the router reaches m1, the router reaches m2, and m1 reaches m2."""
    router, first = desk.spec.namespace, desk.spec.machine_namespace("m1")
    return (
        reaches(desk, router, ADDRESSES["m1"]),
        reaches(desk, router, ADDRESSES["m2"]),
        reaches(desk, first, ADDRESSES["m2"]),
    )


def test_every_fault_is_explained_to_the_operator() -> None:
    assert list(FAULTS) == list(inject.KINDS)


def test_a_cut_cable_carries_nothing_keeps_its_link_and_stays_cut_over_a_restart(whole: Desk) -> None:
    assert wires(whole) == (True, True, True)
    assert fault(whole, "m1", "cut") == 0
    assert wires(whole) == (False, True, False)
    shown = process.run(["ip", "-n", whole.spec.machine_namespace("m1"), "link", "show", "eth0"], timeout=20).stdout
    assert "LOWER_UP" in shown
    rack.order(whole.spec, "m1", "cycle")
    run(whole, "m1")
    assert wires(whole) == (False, True, False)
    assert fault(whole, "m1", "none") == 0
    assert wires(whole) == (True, True, True)


def test_a_fault_ends_by_itself_after_its_time(whole: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert fault(whole, "m2", "cut", "--for", "1.5", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "cut-m2"
    until("the cable", lambda: wires(whole) == (True, True, True))
    assert main(["rack", "faults", "--file", str(whole.spec.file)]) == 0
    assert capsys.readouterr().out == "no fault is active\n"


def test_the_end_of_one_cut_leaves_the_other(whole: Desk) -> None:
    fault(whole, "m1", "cut")
    fault(whole, "m2", "cut")
    assert wires(whole) == (False, False, False)
    fault(whole, "m1", "heal")
    assert wires(whole) == (True, False, False)
    assert [one.name for one in injected.all_of(whole.spec)] == ["cut-m2"]
    fault(whole, "all", "none")
    assert wires(whole) == (True, True, True)


def test_a_partition_keeps_groups_apart_and_the_router_with_the_rest(whole: Desk) -> None:
    fault(whole, "m1", "partition")
    assert wires(whole) == (False, True, False)
    fault(whole, "m1", "none")
    fault(whole, "m1", "partition", "--from", "m2")
    assert wires(whole) == (True, True, False)
    fault(whole, "m1", "none")
    fault(whole, "m1,router", "partition", "--from", "m2")
    assert wires(whole) == (True, False, False)


def test_a_dark_bmc_answers_nothing_and_comes_back(whole: Desk) -> None:
    assert reaches(whole, whole.spec.namespace, "172.22.1.22")
    fault(whole, "m2", "bmc-dark")
    assert not reaches(whole, whole.spec.namespace, "172.22.1.22")
    assert wires(whole) == (True, True, True)
    fault(whole, "m2", "none")
    assert "is on" in whole.ipmitool("power", "status").stdout


def test_a_frozen_machine_does_nothing_until_it_thaws(whole: Desk) -> None:
    fault(whole, "m1", "freeze")
    with pytest.raises(SeedvmError, match="ls"):
        process.run(rack.exec_argv(whole.spec, "m1", ["ls", "/"]), timeout=2)
    fault(whole, "m1", "none")
    assert "run" in whole.inside("m1", "ls", "/")


def test_a_frozen_machine_can_lose_its_power(whole: Desk) -> None:
    fault(whole, "m1", "freeze")
    rack.order(whole.spec, "m1", "cycle")
    run(whole, "m1")
    fault(whole, "m1", "none")
    assert wires(whole) == (True, True, True)


def test_power_is_cut_past_the_bmc_and_comes_back_with_the_end_of_the_fault(whole: Desk) -> None:
    fault(whole, "m2", "power-off")
    assert "is off" in whole.ipmitool("power", "status").stdout
    fault(whole, "m2", "none")
    assert "is on" in whole.ipmitool("power", "status").stdout
    run(whole, "m2")


def test_a_reset_happens_once_and_leaves_no_fault(whole: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    resets = whole.count("m1", "reset")
    assert fault(whole, "m1", "reset") == 0
    until("the restart", lambda: whole.count("m1", "reset") == resets + 1)
    run(whole, "m1")
    assert not injected.all_of(whole.spec)
    assert fault(whole, "m1", "reset", "--for", "5") == 1
    assert "happens once" in capsys.readouterr().err


def test_a_disk_is_filled_up_to_what_is_to_be_left(whole: Desk) -> None:
    def free() -> int:
        blocks, size = whole.inside("m1", "stat", "-fc", "%f %S", "/").split()
        return int(blocks) * int(size) >> 20

    before = free()
    fault(whole, "m1", "disk-full", "--leave", "9", "--path", "/")
    assert 7 <= free() <= 9
    fault(whole, "m1", "none")
    assert abs(free() - before) <= 1


def test_names_that_the_rack_does_not_have_are_refused(whole: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ("m9", "cut"),
        ("m1", "partition", "--from", "m9"),
        ("m9", "none"),
        ("m1", "partition", "--from", "m1"),
    ):
        assert fault(whole, *words) == 1
    said = capsys.readouterr().err
    assert "no machine 'm9'" in said and "both sides" in said
    assert not injected.all_of(whole.spec)
