"""How far an inspection is, told by the node's state and by the leases that the machine takes on its way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.cloud.ironic import Node
from seedvm.controller.leases import Lease, leases
from seedvm.provisioning.inspection import stage
from tests.unit.test_steps_review import node

FIRMWARE = Lease(1795403697, "172.22.0.119", "")
RAMDISK = Lease(1795403711, "172.22.0.119", "deploy-ramdisk-1a2b3c4d")
LEASES = """\
1795403697 52:54:00:5E:ED:02 172.22.0.119 * 01:52:54:00:5e:ed:02
1795403711 52:54:00:5e:ed:04 172.22.0.121 deploy-ramdisk-1a2b3c4d 01:52:54:00:5e:ed:04
duid 00:01:00:01
half a line
²³ 52:54:00:5e:ed:05 172.22.0.122 * *
"""


def test_leases_are_read_by_mac_and_other_lines_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text(LEASES)
    found = leases(tmp_path / "leases")
    assert found["52:54:00:5e:ed:02"] == Lease(1795403697, "172.22.0.119", "")
    assert [one.of_ramdisk for one in found.values()] == [False, True]
    assert leases(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("state", "power", "news", "percent", "words"),
    [
        ("inspecting", "power off", [], 5, "preparing its boot"),
        ("inspect wait", "power off", [], 10, "powering on"),
        ("inspect wait", "power on", [], 15, "firmware"),
        ("inspect wait", "power on", [FIRMWARE], 35, "from the network as 172.22.0.119"),
        ("inspect wait", "power on", [FIRMWARE, RAMDISK], 60, "the ramdisk is inspecting"),
        ("inspecting", "power on", [RAMDISK], 90, "storing the results"),
        ("inspecting", "power on", [FIRMWARE], 90, "storing the results"),
    ],
)
def test_each_stage_has_its_words(state: str, power: str, news: list[Lease], percent: float, words: str) -> None:
    said = stage(_node(state, power), news)
    assert said.percent == percent
    assert words in said.words


def _node(state: str, power: str) -> Node:
    return replace(node("172.22.1.21"), state=state, power=power)
