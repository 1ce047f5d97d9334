"""Multicast search and silent listening on a real wire (a veth pair); the far end speaks what the standards say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

from scapy.contrib.lldp import LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID, LLDPDUSystemName
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from seedvm.base import process
from seedvm.scan.listen import listen
from seedvm.scan.onlink import own_wires
from seedvm.scan.pace import Pace
from tests.contract.isolated import isolated
from tests.unit.test_wire_listen import NOTIFY

MAC = "52:54:00:aa:00:01"
ROOT = Path(__file__).parents[3]


def wire() -> None:
    """near0 (172.22.1.10) and far0 are one cable."""
    process.run(
        ["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"], timeout=60
    )
    process.run(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "address", MAC], timeout=60)
    process.run(["ip", "address", "add", "172.22.1.10/24", "dev", "near0"], timeout=60)
    for name in ("near0", "far0"):
        process.run(["ip", "link", "set", name, "up"], timeout=60)


def sent_by(interface: str) -> int:
    said = json.loads(process.run(["ip", "-j", "-s", "link", "show", "dev", interface], timeout=60).stdout)
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


@contextlib.contextmanager
def spoken(*packets: Ether) -> Iterator[None]:
    """The far end says these, again and again, until the block ends."""
    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    far.bind(("far0", 0))

    async def speak() -> None:
        while True:
            for packet in packets:
                far.send(bytes(packet))
            await asyncio.sleep(0.1)

    speaking = asyncio.get_running_loop().create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        far.close()


@isolated
async def test_tagged_vlans_of_a_trunk_are_named_and_a_priority_tag_is_none() -> None:
    """The kernel takes the tag off before a listener sees the frame (packet(7), PACKET_AUXDATA)."""
    wire()
    other = "52:54:00:aa:00:02"
    tagged = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=20, prio=3) / ARP(hwsrc=MAC, psrc="10.0.20.21")
    urgent = Ether(src=other, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=0, prio=5) / ARP(hwsrc=other, psrc="10.0.0.22")
    with spoken(tagged, urgent):
        heard = {one.mac: one for one in await listen("near0", seconds=1.5)}
    assert (heard[MAC].facts("vlan"), heard[MAC].facts("address")) == (("20",), ("10.0.20.21",))
    assert (heard[other].facts("vlan"), heard[other].facts("address")) == ((), ("10.0.0.22",))


@isolated
async def test_who_claims_an_address_on_another_vlan_is_not_who_has_it_here() -> None:
    wire()
    stray = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=20) / ARP(op=2, hwsrc=MAC, psrc="172.22.1.21")
    here = "52:54:00:aa:00:02"
    own = Ether(src=here, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=here, psrc="172.22.1.22")
    on_wire = await own_wires()
    with spoken(stray, own):
        await on_wire.ask(["172.22.1.21", "172.22.1.22"], Pace(100))
        assert await on_wire.heard(["172.22.1.21", "172.22.1.22"], 1.0) == {"172.22.1.22"}
    on_wire.close()


@isolated
async def test_what_a_card_would_filter_out_is_heard_all_the_same() -> None:
    """A macvlan takes only the groups that somebody joined, as real cards do; nobody has joined LLDP's."""
    wire()
    process.run(["ip", "link", "add", "card0", "link", "near0", "type", "macvlan", "mode", "bridge"], timeout=60)
    process.run(["ip", "link", "set", "card0", "up"], timeout=60)
    said = (
        LLDPDUChassisID(subtype=4, id=MAC) / LLDPDUPortID(subtype=5, id=b"swp7") / LLDPDUSystemName(system_name=b"leaf")
    )
    switch = Ether(src=MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / said / LLDPDUEndOfLLDPDU()
    with spoken(switch):
        heard = await listen("card0", seconds=1.5)
    assert [(one.mac, one.facts("switch-port")) for one in heard] == [(MAC, ("swp7",))]
