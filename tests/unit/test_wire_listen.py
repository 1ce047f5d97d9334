"""What a listener understands: packets made by scapy, an encoder that is not ours, and any bytes at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.lldp import (
    LLDPDU,
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortDescription,
    LLDPDUPortID,
    LLDPDUSystemName,
)
from scapy.layers.dns import DNS, DNSRR
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from seedvm.scan.evidence import REDFISH
from seedvm.scan.listen import Neighbour, hear
from seedvm.scan.multicast import as_bmc
from seedvm.wire import WireError, ether, mdns, ssdp

MAC = "52:54:00:aa:00:01"
NOTIFY = (
    b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: urn:dmtf-org:service:redfish-rest:1:6\r\nNTS: ssdp:alive\r\n"
    b"USN: uuid:92384634-2938-2342-8820-489239905423::urn:dmtf-org:service:redfish-rest:1:6\r\n"
    b"AL: https://172.22.1.21/redfish/v1/\r\n\r\n"
)
ANSWER = (
    NOTIFY.replace(b"NOTIFY * HTTP/1.1", b"HTTP/1.1 200 OK")
    .replace(b"\r\nNT:", b"\r\nST:")
    .replace(b"NTS: ssdp:alive\r\n", b"")
)


def seen(packet: Ether) -> Neighbour:
    """What is known of MAC after this packet."""
    known: dict[str, Neighbour] = {}
    hear(known, bytes(packet))
    return known.get(MAC, Neighbour(MAC))


DECODERS: list[Callable[[bytes], object]] = [
    ether.parse_frame,
    ether.parse_arp,
    ether.parse_lldp,
    lambda data: ether.parse_udp(ether.Frame(MAC, ether.IPV4, None, data)),
    lambda data: ether.parse_udp(ether.Frame(MAC, ether.IPV6, None, data)),
    mdns.parse_services,
    ssdp.parse,
    lambda data: hear({}, data),
]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_value_or_a_wire_error(decode: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data)


@given(data=st.binary(max_size=200), at=st.integers(0, 200), value=st.integers(0, 255))
def test_damaged_names_end(data: bytes, at: int, value: int) -> None:
    answer = bytearray(
        bytes(DNS(qr=1, an=DNSRR(rrname="_obmc_redfish._tcp.local", type="PTR", rdata="x.local"))) + data
    )
    answer[at % len(answer)] = value
    with contextlib.suppress(WireError):
        mdns.parse_services(bytes(answer))


def test_a_name_that_points_at_itself_is_refused() -> None:
    loop = bytes.fromhex("000084000000000100000000") + b"\xc0\x0c" + bytes(10)
    with pytest.raises(WireError, match="backwards"):
        mdns.parse_services(loop)


def test_arp_gives_an_address_and_a_probe_does_not() -> None:
    said = seen(Ether(src=MAC) / ARP(op=1, hwsrc=MAC, psrc="172.22.1.21", pdst="172.22.1.1"))
    assert said.facts("address") == ("172.22.1.21",)
    probe = seen(Ether(src=MAC) / ARP(op=1, hwsrc=MAC, psrc="0.0.0.0", pdst="172.22.1.21"))
    assert probe.evidence == ()


def test_arp_for_somebody_elses_mac_is_no_fact() -> None:
    said = seen(Ether(src=MAC) / ARP(op=2, hwsrc="52:54:00:00:00:99", psrc="172.22.1.21"))
    assert said.evidence == ()


def test_a_tagged_frame_names_its_vlan() -> None:
    said = seen(Ether(src=MAC) / Dot1Q(vlan=42) / ARP(hwsrc=MAC, psrc="172.22.1.21"))
    assert said.facts("vlan") == ("42",)


def test_lldp_names_switch_and_port() -> None:
    unit = (
        LLDPDUChassisID(subtype=4, id="52:54:00:00:00:01")
        / LLDPDUPortID(subtype=5, id="swp7")
        / LLDPDUPortDescription(description="rack 3 port 7")
        / LLDPDUSystemName(system_name="leaf-3")
        / LLDPDUEndOfLLDPDU()
    )
    assert isinstance(unit, LLDPDU)
    said = seen(Ether(src=MAC, dst="01:80:c2:00:00:0e", type=ether.LLDP) / unit)
    assert said.facts("switch") == ("leaf-3",)
    assert said.facts("switch-port") == ("rack 3 port 7",)


def test_mdns_names_an_openbmc_and_nothing_else_is_taken_for_one() -> None:
    def announce(kind: str) -> Neighbour:
        records = DNS(qr=1, an=DNSRR(rrname=kind, type="PTR", rdata=f"bmc-1.{kind}"))
        return seen(Ether(src=MAC) / IP(src="172.22.1.21", dst="224.0.0.251") / UDP(sport=5353, dport=5353) / records)

    assert announce("_obmc_redfish._tcp.local").is_bmc
    assert not announce("_printer._tcp.local").is_bmc


@pytest.mark.parametrize("layer", [IP(src="172.22.1.21"), IPv6(src="fe80::1")])
def test_a_redfish_announcement_makes_a_bmc(layer: IP | IPv6) -> None:
    said = seen(Ether(src=MAC) / layer / UDP(sport=40000, dport=1900) / NOTIFY)
    assert said.is_bmc
    assert said.facts("uuid") == ("92384634-2938-2342-8820-489239905423",)


def test_a_goodbye_makes_none() -> None:
    goodbye = NOTIFY.replace(b"ssdp:alive", b"ssdp:byebye")
    assert not seen(Ether(src=MAC) / IP(src="172.22.1.21") / UDP(sport=40000, dport=1900) / goodbye).is_bmc


def test_the_search_is_the_one_of_the_specification() -> None:
    assert ssdp.search(ssdp.GROUP_V4).decode().split("\r\n") == [
        "M-SEARCH * HTTP/1.1",
        "HOST: 239.255.255.250:1900",
        'MAN: "ssdp:discover"',
        "MX: 3",
        "ST: urn:dmtf-org:service:redfish-rest:1",
        "",
        "",
    ]


def test_an_answer_names_its_own_service() -> None:
    bmc = as_bmc(ssdp.parse(ANSWER), "172.22.1.21", "SSDP answer")
    assert bmc is not None
    assert bmc.protocols == (REDFISH,)
    assert bmc.fact("service-root") == "https://172.22.1.21/redfish/v1/"


def test_an_answer_that_points_to_another_host_is_not_believed() -> None:
    assert as_bmc(ssdp.parse(ANSWER), "172.22.1.99", "SSDP answer") is None
