"""What a listener understands: packets made by scapy, an encoder that is not ours, and any bytes at all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.cdp import CDPMsgDeviceID, CDPMsgNativeVLAN, CDPMsgPortID, CDPv2_HDR
from scapy.contrib.lldp import (
    LLDPDU,
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortDescription,
    LLDPDUPortID,
    LLDPDUSystemName,
)
from scapy.layers.dhcp6 import (
    DUID_UUID,
    VENDOR_CLASS_DATA,
    DHCP6_Solicit,
    DHCP6OptClientArchType,
    DHCP6OptClientId,
    DHCP6OptVendorClass,
)
from scapy.layers.dns import DNS, DNSRR
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1Q, Dot3, Ether

from seedvm.scan import layers
from seedvm.scan.listen import Neighbour, hear
from seedvm.scan.multicast import as_bmc
from seedvm.wire import WireError, ether, mdns, slp, ssdp

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
    hear(known, bytes(packet), "eth1")
    return known.get(MAC, Neighbour(MAC))


TO_ALL = bytes.fromhex("333300000001525400aa000186dd")  # the head of an IPv6 frame

DECODERS: list[Callable[[bytes], object]] = [
    ether.parse_frame,
    ether.parse_arp,
    ether.parse_lldp,
    lambda data: ether.parse_udp(ether.Frame(MAC, ether.IPV4, None, data)),
    lambda data: ether.parse_udp(ether.Frame(MAC, ether.IPV6, None, data)),
    mdns.parse_services,
    ssdp.parse,
    lambda data: hear({}, data, "eth1"),
    lambda data: hear({}, TO_ALL + data, "eth1"),
    slp.parse_reply,
    lambda data: layers.cdp(layers.CDP_SNAP + data),
    *(lambda data, kind=kind: layers.dhcp6(bytes((kind,)) + data) for kind in layers.DHCP6_NAMES),
    *(lambda data, kind=kind: layers.discovery(bytes((kind,)) + data) for kind in layers.ND_NAMES),
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


def test_cdp_names_switch_port_and_vlan() -> None:
    unit = CDPv2_HDR(msg=[CDPMsgDeviceID(val=b"leaf-4"), CDPMsgPortID(iface=b"Ethernet1/7"), CDPMsgNativeVLAN(vlan=99)])
    said = seen(
        Dot3(src=MAC, dst="01:00:0c:cc:cc:cc") / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0xC, code=0x2000) / unit
    )
    assert said.facts("switch") == ("leaf-4",)
    assert said.facts("switch-port") == ("Ethernet1/7",)
    assert said.facts("port-vlan") == ("99",)


def test_dhcpv6_gives_uuid_vendor_class_and_architecture() -> None:
    packet = (
        Ether(src=MAC)
        / IPv6(src="fe80::21", dst="ff02::1:2")
        / UDP(sport=546, dport=547)
        / DHCP6_Solicit(trid=7)
        / DHCP6OptClientId(duid=DUID_UUID(uuid="00112233-4455-6677-8899-aabbccddeeff"))
        / DHCP6OptVendorClass(vcdata=[VENDOR_CLASS_DATA(data=b"PXEClient:Arch:00007")], enterprisenum=343)
        / DHCP6OptClientArchType(archtypes=[7])
    )
    said = seen(packet)
    assert said.facts("client-uuid") == ("00112233445566778899aabbccddeeff",)
    assert said.facts("vendor-class") == ("PXEClient:Arch:00007",)
    assert said.facts("architecture") == ("7",)
    assert said.facts("address") == ("fe80::21%eth1",)


def test_neighbour_discovery_gives_addresses_and_a_probe_does_not() -> None:
    advert = IPv6(src="fe80::21", dst="ff02::1") / ICMPv6ND_NA(tgt="fd00::21") / ICMPv6NDOptDstLLAddr(lladdr=MAC)
    assert seen(Ether(src=MAC) / advert).facts("address") == ("fe80::21%eth1", "fd00::21")
    other = (
        IPv6(src="fe80::21", dst="ff02::1")
        / ICMPv6ND_NA(tgt="fd00::9")
        / ICMPv6NDOptDstLLAddr(lladdr="52:54:00:00:00:99")
    )
    assert seen(Ether(src=MAC) / other).facts("address") == ("fe80::21%eth1",)
    assert seen(Ether(src=MAC) / IPv6(src="::", dst="ff02::1:ff00:21") / ICMPv6ND_NS(tgt="fe80::21")).evidence == ()


@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x00\x10", b"\x00\x09\x05\xd0\x0c", b"\x00\x02\x05\xd0\xff\xff"])
def test_a_frame_full_of_one_thing_is_read_at_once(fill: bytes) -> None:
    """Counts and lengths that lie: no decoder of ours or scapy's may take a second or recurse to its end."""
    layers.ready()
    began = time.process_time()
    for head in (layers.CDP_SNAP, b"\x01", b"\x0c", b"\x86", b"\x88"):
        data = (head + fill * 1500)[:1500]
        for decode in DECODERS:
            with contextlib.suppress(WireError):
                decode(data)
    assert time.process_time() - began < 2.0


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
    assert (bmc.protocols, bmc.answered) == ((), False)
    assert bmc.fact("service-root") == "https://172.22.1.21/redfish/v1/"


def test_an_answer_that_points_to_another_host_is_not_believed() -> None:
    assert as_bmc(ssdp.parse(ANSWER), "172.22.1.99", "SSDP answer") is None
