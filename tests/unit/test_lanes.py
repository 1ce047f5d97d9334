"""Lanes tell measured bytes, rate and percent, and nothing where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from seedvm.base.json_tree import JSON
from seedvm.cloud.heat import Resource
from seedvm.controller.sockets import parse
from seedvm.engine.stages import stalled
from seedvm.provisioning.phases import NodeProgress, resource_paths, stage
from seedvm.provisioning.progress import Lanes

MIB = 2**20
WRITE = NodeProgress("write", "the agent is writing the image")


class Told:
    """A Report that keeps the last word on each node."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, float | None, str]] = {}

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None:
        self.nodes[node] = (phase, percent, detail)

    def log(self, message: str, *, node: str | None = None) -> None: ...
    def progress(self, done: float, total: float, unit: str = "") -> None: ...
    def fact(self, name: str, value: JSON) -> None: ...
    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None: ...
    def phase(self, phase: str, state: str, detail: str = "") -> None: ...
    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None: ...


def test_a_write_is_told_by_what_was_measured() -> None:
    told = Told()
    lanes = Lanes(told, 1000 * MIB)
    lanes.set("a", WRITE, "172.22.0.101")
    assert told.nodes["a"] == ("write", None, "the agent is preparing the disk")
    lanes.measured(10.0, {"172.22.0.101": 100 * MIB})
    lanes.measured(12.0, {"172.22.0.101": 300 * MIB, "172.22.0.102": 5})
    assert told.nodes["a"] == ("write", 30.0, "300 of 1000 MiB, 100 MiB/s")
    lanes.set("a", WRITE, "172.22.0.101")
    assert told.nodes["a"][1] == 30.0


def test_without_a_measure_there_is_no_figure() -> None:
    told = Told()
    lanes = Lanes(told, 1000 * MIB)
    lanes.set("a", WRITE, "172.22.0.101")
    lanes.measured(10.0, {"172.22.0.102": 100 * MIB})
    assert told.nodes["a"] == ("write", None, "the agent is preparing the disk")


def test_a_write_that_stands_still_says_so_and_one_that_ended_as_well() -> None:
    told = Told()
    lanes = Lanes(told, 1000 * MIB)
    for name, address in (("a", "172.22.0.101"), ("b", "172.22.0.102")):
        lanes.set(name, WRITE, address)
    lanes.measured(10.0, {"172.22.0.101": 100 * MIB, "172.22.0.102": 1000 * MIB})
    lanes.measured(11.0, {"172.22.0.101": 200 * MIB, "172.22.0.102": 1001 * MIB})
    lanes.measured(52.0, {"172.22.0.101": 200 * MIB})
    assert told.nodes["a"] == ("write", 20.0, "200 of 1000 MiB, STALLED for 41 s")
    assert told.nodes["b"] == ("write", 100.0, "1000 of 1000 MiB, written; the agent is finishing")


def test_a_stalled_machine_is_known_by_its_detail_in_old_journals_too() -> None:
    assert stalled("200 of 1000 MiB, STALLED for 41 s") and stalled("200 of 1000 MiB, STANDS STILL for 41 s")
    assert not stalled("200 of 1000 MiB, 93 MiB/s")


def test_a_machine_that_never_calls_stalls_and_one_that_calls_late_does_not() -> None:
    told = Told()
    lanes = Lanes(told, 1000 * MIB)
    waits, calls = NodeProgress("pxe", "booting from the network"), NodeProgress("ramdisk", "the agent is at work")
    lanes.set("a", waits, "", 100.0)
    lanes.set("a", waits, "", 690.0)
    assert told.nodes["a"] == ("pxe", None, "booting from the network")
    lanes.set("a", waits, "", 740.0)
    assert told.nodes["a"] == ("pxe", None, "booting from the network, STALLED for 640 s")
    lanes.set("a", calls, "172.22.0.101", 745.0)
    assert told.nodes["a"] == ("ramdisk", None, "the agent is at work")


def test_the_whole_grows_with_the_bytes() -> None:
    lanes = Lanes(Told(), 1000 * MIB)
    lanes.set("a", WRITE, "172.22.0.101")
    before = lanes.share()
    lanes.measured(10.0, {"172.22.0.101": 500 * MIB})
    assert lanes.share() > before
    lanes.set("a", NodeProgress("joined", ""), "")
    assert lanes.share() == 100.0


def test_a_new_try_begins_at_nothing() -> None:
    told = Told()
    lanes = Lanes(told, 1000 * MIB)
    lanes.set("a", WRITE, "172.22.0.101")
    lanes.measured(10.0, {"172.22.0.101": 900 * MIB})
    lanes.set("a", NodeProgress("power", "available"), "")
    lanes.set("a", WRITE, "172.22.0.101")
    lanes.measured(90.0, {"172.22.0.101": 10 * MIB})
    assert told.nodes["a"][1] == 1.0


def test_what_ss_says_is_read_by_peer() -> None:
    said = (
        "0      0      172.22.0.10:8088  172.22.0.101:46816  cubic wscale:7,7 rto:204 bytes_sent:900 bytes_acked:850 segs_out:3\n"
        "0      0      172.22.0.10:8088  172.22.0.101:46818  cubic wscale:7,7 bytes_sent:20 bytes_acked:20\n"
        "0 4096 [::ffff:172.22.0.10]:8088 [::ffff:172.22.0.102]:5 cubic bytes_acked:7\n"
        "0 4096 172.22.0.10:8088 172.22.0.103:5 cubic rto:200\n"
    )
    assert parse(said) == {"172.22.0.101": 850, "172.22.0.102": 7}


@pytest.mark.parametrize(
    ("processes", "told"),
    [
        ("", "its own system is up; waiting for its turn"),
        ("712 /bin/bash /usr/libexec/os-refresh-config/configure.d/40-mariadb\n", "mariadb"),
        ("1 x /usr/libexec/os-refresh-config/post-configure.d/50-nova", "nova (post configure)"),
    ],
)
def test_which_service_a_node_configures(processes: str, told: str) -> None:
    assert stage(processes) == told


def test_resources_have_names_for_people() -> None:
    listed = (
        Resource("controllers", "OS::Heat::ResourceGroup", "CREATE_IN_PROGRESS", "", "g", None),
        Resource("1", "undercloud-node.yaml", "CREATE_IN_PROGRESS", "", "n", None),
        Resource("server", "OS::Nova::Server", "CREATE_COMPLETE", "", "s", 1),
    )
    assert [path for path, _ in resource_paths(listed, {1: "demo-undercloud-1"})] == [
        "controllers", "demo-undercloud-1", "demo-undercloud-1/server",
    ]  # fmt: skip
