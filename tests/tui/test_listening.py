"""Listening first: who speaks on the wire is on the discovery page before anything is asked, on a real cable."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from seedvm.base.errors import SeedvmError
from seedvm.scan.listen import Neighbour
from tests.contract.isolated import isolated
from tests.contract.scan.test_listen import MAC, sent_by, wire
from tests.tui.helpers import SITE, grid, until
from tests.unit.test_wire_listen import NOTIFY
from tui.app import WizardApp
from tui.backend.engine import EngineClient
from tui.backend.listen import hear

OTHER = "52:54:00:aa:00:02"
ON_NEAR0 = SITE.replace("bmc_interface: none1", "bmc_interface: near0").split("machines:")[0]


def announced(mac: str, address: str) -> list[bytes]:
    """A BMC that comes up at an address and announces its Redfish service."""
    arp = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=address, pdst=address)
    notice = NOTIFY.replace(b"172.22.1.21", address.encode())
    return [
        bytes(arp),
        bytes(Ether(src=mac) / IP(src=address, dst="239.255.255.250") / UDP(sport=40000, dport=1900) / notice),
    ]


@isolated
async def test_who_speaks_is_shown_nothing_is_sent_and_nobody_outside_the_ranges_is_asked(tmp_path: Path) -> None:
    wire()
    (tmp_path / "site.yaml").write_text(ON_NEAR0)
    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    far.bind(("far0", 0))
    app = WizardApp(EngineClient(tmp_path), {"TERM": "linux"})
    async with app.run_test(size=(80, 24)) as pilot:
        app.go("discovery")
        await until(pilot, lambda: "F5 scans 6 addresses" in grid(app), "the page")
        before = sent_by("near0")
        await pilot.press("w")
        await until(pilot, lambda: "Listening on near0 (w stops): " in grid(app) and "of 1:05" in grid(app), "the wait")

        def spoken() -> bool:  # said again until the ear is open
            for packet in (*announced(MAC, "172.22.1.21"), *announced(OTHER, "172.22.1.99")):
                far.send(packet)
            return "announces a BMC; F5 scans it" in grid(app) and "announces a BMC OUTSIDE the ranges" in grid(app)

        await until(pilot, spoken, "who speaks")
        await until(pilot, lambda: "2 heard, 2 of them BMCs" in grid(app), "the count")
        await pilot.press("e")
        await until(pilot, lambda: "address: 172.22.1.99  (ARP)" in grid(app), "the packets")
        await pilot.press("w")
        await until(pilot, lambda: "Listened for " in grid(app), "the end")
        await pilot.press("ctrl+p", *"listen")
        await until(pilot, lambda: "Discovery: Listen" in grid(app), "the palette's entry")
        await pilot.press("enter")
        await until(pilot, lambda: "Listening on near0" in grid(app), "listening again")
        assert sent_by("near0") == before
    far.close()


@isolated
async def test_a_nic_that_is_not_there_keeps_none_from_being_heard() -> None:
    wire()
    heard: list[str] = []

    def note(nic: str, neighbour: Neighbour) -> None:
        heard.append(f"{nic} {neighbour.mac}")

    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    far.bind(("far0", 0))
    ear = asyncio.create_task(hear(["none9", "near0"], note, 120))
    while not heard:
        far.send(announced(MAC, "172.22.1.21")[0])
        await asyncio.sleep(0.05)
    ear.cancel()
    far.close()
    assert heard[0] == f"near0 {MAC}"
    with pytest.raises(SeedvmError, match="there is no interface none9"):
        await hear(["none9"], note, 120)
