"""The seed before anything is powered: what is wrong says its cure, and the way goes on and back."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base import process
from seedvm.base.nics import nics
from seedvm.scan.evidence import Evidence
from seedvm.scan.listen import Neighbour
from tests.contract.isolated import isolated
from tests.tui.helpers import CONSOLE, cable, grid, journal_line, loaded, name, state_dir, until, wizard
from tui.backend.listen import heard, overhear
from tui.backend.seed_checks import images_to_come, looks


async def test_the_first_page_leads_to_the_preflight_and_on_to_the_questions(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state", CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: name(app) == "preflight" and "NIC none0" in grid(app), "the preflight")
        assert "10000 Mb/s" in grid(app) and "another cable or port" in grid(app) and "plug the cable in" in grid(app)
        assert "lacks golden.json" in grid(app)
        assert "no foreign DHCP server answers" in grid(app)
        await pilot.press("r")
        await until(pilot, lambda: "needs a site description first" in grid(app), "the refusal")
        await pilot.press("f10")
        await until(pilot, lambda: name(app) == "networks", "the questions")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: name(app) == "welcome", "the way back")


async def test_what_the_engine_found_is_there_with_its_cure(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until="run-started")
    told = {
        "verdict": "blocked",
        "why": "a foreign DHCP server answers on none0: 172.22.0.77",
        "hint": "switch it off on this wire",
    }
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(journal_line(900, "step-checked", "preflight", **told) + "\n")
        journal.write(journal_line(901, "run-ended", verdict="blocked") + "\n")
    app = wizard(folder)
    async with app.run_test(size=(80, 30)) as pilot:
        await loaded(pilot)
        app.go("preflight")
        await until(pilot, lambda: "172.22.0.77" in grid(app) and "switch it off on this wire" in grid(app), "the cure")
        await until(pilot, lambda: "r check again   m modify the site" in grid(app), "the keys")
        await pilot.press("m")
        await until(pilot, lambda: name(app) == "networks", "the site")
        await pilot.press("escape", "slash", *"memory")
        await until(pilot, lambda: "memory" in grid(app) and "NIC none0" not in grid(app), "what is searched")


def test_what_is_good_has_no_cure_and_what_is_not_has_one(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for file in ("golden.json", "golden.raw", "ramdisk.kernel", "ramdisk.initramfs"):
        (images / file).touch()
    found = {one.name: one for one in looks(images, nics(cable(tmp_path)))}
    assert found["images"].good and found["clock"].good and found["NIC none0"].good
    assert not found["NIC none1"].good and not found["NIC none2"].good
    assert not {one.name: one for one in looks(tmp_path, ())}["images"].good


def test_images_that_are_being_put_together_want_nothing_and_those_that_failed_a_new_appliance(tmp_path: Path) -> None:
    (tmp_path / "golden.raw.new").write_bytes(bytes(3_000_000))
    found = next(one for one in looks(tmp_path, ()) if one.name == "images")
    assert found.good and "3 MB so far" in found.seen and images_to_come(tmp_path)
    (tmp_path / "failed").write_text("the golden image is damaged\n")
    found = next(one for one in looks(tmp_path, ()) if one.name == "images")
    assert (
        "is damaged" in found.seen
        and "write the appliance to its disk again" in found.cure
        and not images_to_come(tmp_path)
    )


LLDP = (
    bytes.fromhex("0180c200000e" "525400aa0001" "88cc")
    + bytes.fromhex("0207" "04" "525400aa0001")
    + bytes([0x04, 6, 5]) + b"Gi0/4"
    + bytes([0x06, 2, 0, 120])
    + bytes([0x0A, 7]) + b"rack-12"
    + bytes(2)
)  # fmt: skip
"""What a switch says (IEEE 802.1AB 8.5): chassis, port, time to live, name."""


@isolated
async def test_the_switch_and_its_port_are_overheard() -> None:
    process.run(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0"], timeout=60)
    for one in ("near0", "far0"):
        process.run(["ip", "link", "set", one, "up"], timeout=60)
    told: dict[str, str] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as switch:
        switch.bind(("far0", 0))
        hearing = asyncio.create_task(overhear(["near0"], told.__setitem__, seconds=120))
        while not told:
            switch.send(LLDP)
            await asyncio.sleep(0.05)
        hearing.cancel()
    assert told == {"near0": "on rack-12 port Gi0/4"}


def test_a_neighbour_without_a_switch_says_nothing_of_a_nic() -> None:
    assert heard(Neighbour("52:54:00:00:00:01")) == ""


def test_a_dhcp_server_of_another_vlan_is_told_with_its_vlan() -> None:
    seen = datetime.now(UTC).isoformat()
    server = Evidence("dhcp-server", "10.9.0.1", "DHCPOFFER", seen)
    tagged = Evidence("vlan", "120", "802.1Q tag", seen)
    assert heard(Neighbour("52:54:00:00:00:01", (server,))) == "DHCP server: 10.9.0.1"
    assert heard(Neighbour("52:54:00:00:00:01", (server, tagged))) == "DHCP server on VLAN 120: 10.9.0.1"
