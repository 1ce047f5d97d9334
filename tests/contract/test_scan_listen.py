"""Multicast search and silent listening on a real wire (a veth pair); the far end speaks what the standards say."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from seedvm import proc
from seedvm.scan.listen import listen
from tests.contract.isolated import isolated
from tests.unit.test_wire_listen import NOTIFY

MAC = "52:54:00:aa:00:01"
ROOT = Path(__file__).parents[2]


def wire() -> None:
    """near0 (172.22.1.10) and far0 are one cable."""
    proc.run(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"], timeout=10)
    proc.run(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "address", MAC], timeout=10)
    proc.run(["ip", "address", "add", "172.22.1.10/24", "dev", "near0"], timeout=10)
    for name in ("near0", "far0"):
        proc.run(["ip", "link", "set", name, "up"], timeout=10)


def sent_by(interface: str) -> int:
    said = json.loads(proc.run(["ip", "-j", "-s", "link", "show", "dev", interface], timeout=10).stdout)
    return int(said[0]["stats64"]["tx"]["packets"])


@isolated
async def test_listening_hears_who_speaks_and_sends_nothing() -> None:
    wire()
    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    far.bind(("far0", 0))
    packets = [
        Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=MAC, psrc="172.22.1.21", pdst="172.22.1.21"),
        Ether(src=MAC) / IP(src="172.22.1.21", dst="239.255.255.250") / UDP(sport=40000, dport=1900) / NOTIFY,
    ]
    before = sent_by("near0")
    asyncio.get_running_loop().call_later(0.2, lambda: [far.send(bytes(packet)) for packet in packets])
    heard = await listen("near0", seconds=1.5)
    assert sent_by("near0") == before
    neighbour = next(one for one in heard if one.mac == MAC)
    assert neighbour.is_bmc
    assert neighbour.facts("address") == ("172.22.1.21",)
    assert {one.source for one in neighbour.evidence} == {"ARP", "SSDP NOTIFY"}
