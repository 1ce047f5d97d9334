"""Where the seeds come from: the answers of the datacenter's emulators, and frames that scapy builds. (pattern, name, bytes)."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
from scapy.contrib.cdp import CDPMsgDeviceID, CDPMsgPortID, CDPv2_HDR
from scapy.contrib.lldp import (
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortID,
    LLDPDUSystemName,
    LLDPDUTimeToLive,
)
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DUID_LL, VENDOR_CLASS_DATA, DHCP6_Solicit, DHCP6OptClientId, DHCP6OptVendorClass
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1Q, Dot3, Ether

from tests.datacenter.accounts import Accounts
from tests.datacenter.ipmi import Ipmi
from tests.datacenter.model import Host
from tests.datacenter.record import Record

MAC = "52:54:00:66:00:01"
HOST = Host("10.66.0.1", MAC, ipmi=("1.5", "2.0"), guid="00112233445566778899aabbccddeeff", users={"admin": "horse-42"})
Seed = tuple[str, str, bytes]


def made() -> Iterator[Seed]:
    yield from _ipmi()
    yield from _frames()
    yield from _text()
    yield (
        "arp.claim",
        "reply",
        bytes(Ether(dst=MAC, src=MAC) / ARP(op=2, hwsrc=MAC, psrc="10.66.0.1", pdst="10.66.4.1")),
    )


def _ipmi() -> Iterator[Seed]:
    """A pong, capabilities, a GUID; then open session and RAKP 2 of suite 3, whole and as the payload alone."""
    bmc = Ipmi(Accounts(HOST, Record()))
    ping = bytes.fromhex("0600ff06000011be80010000")
    asked = {
        "pong": ping,
        "capabilities": bytes.fromhex("0600ff070000000000000000000920188881" + "0038") + b"\x8e\x04\xb5",
        "guid": bytes.fromhex("0600ff070000000000000000000720" + "18c88100" + "3748"),
    }
    for name, packet in asked.items():
        for reply in bmc.answer(packet, "10.66.4.1"):
            yield ("parse_pong" if name == "pong" else "parse_sessionless"), name, reply
            yield "first_evidence", name, reply
            if name != "pong":
                yield "parse_response", name, reply[14:]
    suite = bytes.fromhex("000000080100000001000008010000000200000801000000")
    opened = bmc.answer(_setup(0x10, bytes.fromhex("00040000a4a3a2a0") + suite), "10.66.4.1")[0]
    number = opened[24:28]
    two = bmc.answer(_setup(0x12, bytes(4) + number + b"r" * 16 + b"\x14\x00\x00\x05admin"), "10.66.4.1")[0]
    for name, packet in (("OpenResponse", opened), ("Rakp2", two)):
        yield "parse_setup_packet", name, packet
        yield name, "answer", packet[16:]
    yield "Rakp4", "answer", b"\x00\x00\x00\x00\xa4\xa3\xa2\xa0" + bytes(12)


def _setup(kind: int, payload: bytes) -> bytes:
    return b"\x06\x00\xff\x07\x06" + bytes((kind,)) + bytes(8) + struct.pack("<H", len(payload)) + payload


def _frames() -> Iterator[Seed]:
    """What a listener hears: DHCP, DHCPv6, ARP, neighbour discovery, LLDP, CDP, mDNS, SSDP."""
    ip, ether = IP(src="10.66.0.1", dst="255.255.255.255"), Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff")
    six = Ether(src=MAC, dst="33:33:00:00:00:01") / IPv6(src="fe80::5054:ff:fe66:1", dst="ff02::1")
    options = [
        ("message-type", "discover"),
        ("vendor_class_id", b"PXEClient:Arch:00007"),
        (93, b"\x00\x07"),
        (97, b"\x00" + b"u" * 16),
        "end",
    ]
    boot = BOOTP(chaddr=bytes.fromhex(MAC.replace(":", "")), xid=7) / DHCP(options=options)
    service = DNSRR(rrname="_obmc_redfish._tcp.local", type="PTR", rdata="bmc._obmc_redfish._tcp.local")
    dns = DNS(qr=1, aa=1, qd=DNSQR(qname="_http._tcp.local"), an=service)
    solicit = (
        DHCP6_Solicit()
        / DHCP6OptClientId(duid=DUID_LL(lladdr=MAC))
        / DHCP6OptVendorClass(vcdata=[VENDOR_CLASS_DATA(data=b"PXE")])
    )
    lldp = LLDPDUChassisID(subtype=4, id=MAC) / LLDPDUPortID(subtype=5, id=b"eth1/7") / LLDPDUTimeToLive(ttl=120)
    lldp = lldp / LLDPDUSystemName(system_name=b"leaf-1") / LLDPDUEndOfLLDPDU()
    cdp = Dot3(src=MAC, dst="01:00:0c:cc:cc:cc") / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x0C, code=0x2000)
    notify = b"NOTIFY * HTTP/1.1\r\nNT: urn:dmtf-org:service:redfish-rest:1\r\nNTS: ssdp:alive\r\nAL: https://10.66.0.1/redfish/v1/\r\n\r\n"
    named = {
        "dhcp": ether / ip / UDP(sport=68, dport=67) / boot,
        "arp": ether / ARP(op=2, hwsrc=MAC, psrc="10.66.0.1", pdst="10.66.4.1"),
        "arp-vlan": ether / Dot1Q(vlan=7) / ARP(op=2, hwsrc=MAC, psrc="10.66.0.1", pdst="10.66.4.1"),
        "mdns": ether / ip / UDP(sport=5353, dport=5353) / dns,
        "ssdp": ether / ip / UDP(sport=1900, dport=1900) / notify,
        "dhcp6": six / UDP(sport=546, dport=547) / solicit,
        "na": six / ICMPv6ND_NA(tgt="fe80::1") / ICMPv6NDOptDstLLAddr(lladdr=MAC),
        "ns": six / ICMPv6ND_NS(tgt="fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=MAC),
        "lldp": Ether(src=MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / lldp,
        "cdp": cdp / CDPv2_HDR(msg=[CDPMsgDeviceID(val=b"leaf"), CDPMsgPortID(iface=b"Eth1/7")]),
    }
    for name, frame in named.items():
        raw = bytes(frame)
        yield "frame", name, raw
    yield "lldp", "unit", bytes(named["lldp"])[14:]
    yield "lldp", "addresses", bytes.fromhex("02060501c000020f" + "040604010a000001" + "060200780000")
    yield "lldp", "eui", bytes.fromhex("0209040011223344556677" + "040706525400aabbcc" + "060200780000")
    yield "parse_arp", "reply", bytes(ARP(op=2, hwsrc=MAC, psrc="10.66.0.1", pdst="10.66.4.1"))
    yield "mdns", "answer", bytes(dns)
    yield "parse_dhcp", "discover", bytes(boot)
    yield "dhcp.read", "discover", bytes(boot)
    yield "ssdp.parse", "notify", notify
    uuid = b"92384634-2938-2342-8820-489239905423"
    odd = b"HTTP/1.1 200 OK\nST: urn::dmtf-org:service:redfish-rest:1\nUSN: uuid:%s::urn::dmtf-org:service:redfish-rest:1:6\n"
    yield "ssdp.parse", "odd", odd % uuid + b"LOCATION: <https://10.66.0.1/redfish/v1/>\n\n"
    slp = b"service:ipmi://10.66.0.1:623"
    entry = b"\x00\xff\xff" + struct.pack(">H", len(slp)) + slp + b"\x00"
    body = struct.pack(">HH", 0, 1) + entry
    head = b"\x02\x02" + (16 + len(body)).to_bytes(3, "big") + bytes(5) + b"\x00\x07" + b"\x00\x02en"
    yield "slp", "reply", head + body


def _text() -> Iterator[Seed]:
    root = {"RedfishVersion": "1.11.0", "UUID": "00112233-4455-6677-8899-aabbccddeeff", "Vendor": "X", "Product": "Y"}
    body = json.dumps(root).encode()
    yield "scan.root", "plain", body
    yield "scan.root", "padded", b"\xef\xbb\xbf" + body + b"\0"
    refusal = {"error": {"code": "Base.1.8.GeneralError", "message": "log in"}}
    yield "scan.root", "closed", json.dumps(refusal).encode()
    for path in sorted((Path(__file__).parents[1] / "recorded/lists").iterdir()):
        yield "lists.read", path.name, path.read_bytes()
    book = openpyxl.Workbook()
    book.active.append(["BMC IP", "user", "password", "mac"])
    book.active.append(["10.0.0.1", "a", "b", MAC])
    out = io.BytesIO()
    book.save(out)
    yield "lists.read", "xlsx", out.getvalue()
    with zipfile.ZipFile(out) as packed:
        yield "deeper.workbook", "sheet", packed.read("xl/worksheets/sheet1.xml")
    yield "deeper.ini", "kayobe", b"h[1:3] bmc_ip=10.0.0.1\n[a:vars]\nbmc_user=a\n[b:children]\na\n"
    lines = (
        "set a b",
        "isset ${net0/mac} || goto x",
        "set c ${a}${mac:hexhyp}",
        "chain pxelinux.cfg/${mac:hexhyp} || exit",
        ":x",
        "kernel k ro",
        "initrd i",
        "boot",
    )
    yield "deeper.script", "boot", "\n".join(lines).encode()
    yield "deeper.script", "doubles", b"set a xx\n:l\nset a ${a}${a}\ngoto l\n"
    yield "deeper.disk", "far", b"\xff" * 200
    yield "deeper.disk", "entry", bytes(72) + b"\x01" * 16 + b"\x02" * 16 + struct.pack("<QQQ", 34, 40, 0) + b"r\x00"
