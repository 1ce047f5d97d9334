"""What switches, services and machines send that no standard has, or that tools seldom read: each value as an operator needs it."""

from __future__ import annotations

import struct
import unicodedata

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSRR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from seedvm.scan.identity import identities, merged
from seedvm.scan.listen import Neighbour, hear
from seedvm.scan.multicast import as_bmc, questions
from seedvm.scan.sniff import match_machine
from seedvm.scan.table import about, contradictions
from seedvm.wire import WireError, dhcp, ether, mdns, rmcp, slp, ssdp
from tests.unit.test_scan_identity import said

MAC = "52:54:00:aa:00:01"
UUID = "92384634-2938-2342-8820-489239905423"
PAINTS = "\x1b]0;owned\x07\x1b[2J\u202eevil\r\nnext\x9b1A\u2066"
PLACEHOLDERS = (
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "fefefefe-fefe-fefe-fefe-fefefefefefe",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "00010203-0405-0607-0809-0a0b0c0d0e0f",
    "4c4c4544-0000-2010-8020-80c04f202020",
    "93309712-ffff-ffff-ffff-ffffffffffff",
)


def lldp(*units: tuple[int, str | bytes]) -> ether.Lldp:
    """The data unit of these (type, value) pairs; text is hexadecimal."""
    raw = [(kind, bytes.fromhex(value) if isinstance(value, str) else value) for kind, value in units]
    return ether.parse_lldp(b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in raw))


def clean(text: str) -> bool:
    return all(unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs") for char in text)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0501c000020f", "192.0.2.15"),
        ("050220010db8000000000000000000000001", "2001:db8::1"),
        ("0506525400aabbcc", "52:54:00:aa:bb:cc"),
        ("0501c00002", "01c00002"),
        ("05630102", "630102"),
        ("04525400aabbcc", "52:54:00:aa:bb:cc"),
        ("040011223344556677", "00:11:22:33:44:55:66:77"),
        ("0401020304", "01020304"),
        (b"\x04leaf-switch", "leaf-switch"),
        (b"\x07rack 3 / leaf 1", "rack 3 / leaf 1"),
        (b"\x07leaf-3\0\0", "leaf-3"),
        ("07525400aabbcc", "525400aabbcc"),
        ("07c3a974c3a9", "été"),
        ("0701ff", "01ff"),
        (b"\x07" + PAINTS.encode(), PAINTS.encode().hex()),
    ],
)
def test_a_chassis_is_shown_by_its_subtype(value: str | bytes, wanted: str) -> None:
    assert lldp((1, value), (2, b"\x05swp1")).chassis == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("04010a000001", "10.0.0.1"),
        ("0402fe800000000000000000000000000001", "fe80::1"),
        ("03525400aabbcc", "52:54:00:aa:bb:cc"),
        ("0300112233445566ff", "00:11:22:33:44:55:66:ff"),
        ("06000400010107", "000400010107"),
        (b"\x05Ethernet1/7", "Ethernet1/7"),
        (b"\x07 7\0", "7"),
        ("0700", "00"),
    ],
)
def test_so_is_a_port(value: str | bytes, wanted: str) -> None:
    assert lldp((1, b"\x07leaf"), (2, value)).port == wanted


@pytest.mark.parametrize("value", [b"", b"\x04", b"\x07"])
def test_an_id_without_a_value_is_refused(value: bytes) -> None:
    with pytest.raises(WireError):
        lldp((1, value), (2, b"\x05swp1"))


def test_the_texts_of_a_switch_are_a_line_in_either_encoding() -> None:
    unit = lldp((1, b"\x07leaf"), (2, b"\x05swp1"), (4, "Büro 7".encode("latin-1")), (5, PAINTS.encode()))
    assert unit.port_description == "Büro 7"
    assert "evil" in unit.system and clean(unit.system)


@pytest.mark.parametrize(
    "target",
    [
        "urn:dmtf-org:service:redfish-rest:1",
        "urn::dmtf-org:service:redfish-rest:1",
        "URN:DMTF-ORG:service:Redfish-REST:1",
        "urn:dmtf-org:service:redfish-rest:1:6",
        "urn:dmtf-org:service:redfish-rest:1.15",
        "urn:dmtf-org:service:redfish-rest:1:15:0",
        "urn:dmtf-org:service:redfish-rest",
    ],
)
@pytest.mark.parametrize(
    "first",
    [
        "HTTP/1.1 200 OK\r\nST",
        "\r\n\r\nHTTP/1.1 200 OK\r\nST",
        "\nNOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT",
        'NOTIFY * HTTP/1.1\r\nNTS: "ssdp:alive"\r\nNT',
    ],
)
def test_a_redfish_service_is_known_however_it_writes_its_name(target: str, first: str) -> None:
    message = ssdp.parse(f"{first}: {target}\r\nUSN: uuid:{UUID}::{target}\r\n\r\n".encode())
    assert (message.is_redfish, message.uuid, message.target) == (True, UUID, target)
    bmc = as_bmc(message, "192.0.2.7", "SSDP answer")
    assert bmc is not None
    assert bmc.fact("redfish-service") == target


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_value_in_quotes_is_the_value(quote: str) -> None:
    lines = (f"ST: {quote}{ssdp.REDFISH}{quote}", f"USN: {quote}uuid:{UUID}::{ssdp.REDFISH}{quote}")
    message = ssdp.parse("\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode())
    assert (message.is_redfish, message.uuid) == (True, UUID)


@pytest.mark.parametrize(
    "target",
    ["urn:dmtf-org:service:redfish-rest:2", "urn:dmtf-org:service:redfish-rest:10", "upnp:rootdevice", "", "x"],
)
def test_another_service_is_not_taken_for_it(target: str) -> None:
    message = ssdp.parse(f"HTTP/1.1 200 OK\r\nST: {target}\r\nUSN: uuid:{UUID}::{target}\r\n\r\n".encode())
    assert not message.is_redfish


@pytest.mark.parametrize(
    ("lines", "root"),
    [
        ("AL: https://192.0.2.7/redfish/v1/", "https://192.0.2.7/redfish/v1/"),
        ("al:<https://192.0.2.7/redfish/v1>", "https://192.0.2.7/redfish/v1"),
        ("AL: HTTPS://192.0.2.7/redfish/v1", "HTTPS://192.0.2.7/redfish/v1"),
        ("LOCATION: https://192.0.2.7/redfish/v1/", "https://192.0.2.7/redfish/v1/"),
        ("AL:\r\nLocation: https://192.0.2.7/Redfish/v1/", "https://192.0.2.7/Redfish/v1/"),
        ("LOCATION: http://192.0.2.7:49152/description.xml", None),
        ("AL: ftp://192.0.2.7/", None),
        ("AL: https://192.0.2.7/\x1b[2J", None),
        ("AL: https://[", None),
        ("SERVER: x", None),
    ],
)
def test_the_root_is_where_the_service_says(lines: str, root: str | None) -> None:
    for text in (lines, lines.replace("\r\n", "\n")):
        message = ssdp.parse(f"HTTP/1.0 200 OK\nST: {ssdp.REDFISH}\nUSN: UUID:{UUID.upper()}\n{text}\n\n".encode())
        assert (message.is_redfish, message.root, message.uuid) == (True, root, UUID)


def test_an_answer_that_names_another_host_is_not_used_and_that_is_said() -> None:
    text = f"HTTP/1.1 200 OK\r\nST: {ssdp.REDFISH}\r\nAL: https://192.0.2.99/redfish/v1/\r\n\r\n"
    said = questions(1)[0].decode(text.encode(), "192.0.2.7")
    assert said == "its SSDP answer names another host, and is not used: https://192.0.2.99/redfish/v1/"


def test_a_target_that_only_the_usn_names_counts() -> None:
    text = f"HTTP/1.1 200 OK\r\nST: ssdp:all\r\nUSN: {UUID}::urn::dmtf-org:service:redfish-rest:1\r\n\r\n"
    message = ssdp.parse(text.encode())
    assert (message.is_redfish, message.uuid) == (True, UUID)


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_identifies_nobody(text: str) -> None:
    raw = bytes.fromhex(text.replace("-", ""))
    for order in (raw, raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:], raw[::-1]):
        assert rmcp.guid_readings(order) == ()
        assert match_machine(dhcp.Dhcp(True, dhcp.DISCOVER, 1, MAC, client_uuid=order), {"192.0.2.7": order}) is None
    assert ssdp.parse(f"HTTP/1.1 200 OK\r\nST: {ssdp.REDFISH}\r\nUSN: uuid:{text}\r\n\r\n".encode()).uuid is None
    one, two = said("192.0.2.7", ("uuid", text.upper())), said("fe80::7%eth1", ("guid", text.replace("-", "")))
    assert identities(one) == identities(two) == frozenset()
    assert len(merged([one, two])) == 2
    assert (contradictions([one, two]), about(one)) == ((), "")


def heard(packet: Ether) -> Neighbour:
    known: dict[str, Neighbour] = {}
    hear(known, bytes(packet), "eth1")
    return known[MAC]


def test_nothing_that_is_heard_paints_the_terminal() -> None:
    options = [("message-type", "discover"), ("vendor_class_id", PAINTS.encode()), "end"]
    boot = BOOTP(chaddr=bytes.fromhex(MAC.replace(":", ""))) / DHCP(options=options)
    kind = "_obmc_redfish._tcp.local"
    service = DNS(qr=1, an=DNSRR(rrname=kind, type="PTR", rdata=b"\x1b[2J\xe2\x80\xaebmc." + kind.encode()))
    target = f"{ssdp.REDFISH}\r\nAL: https://192.0.2.7/\x1b[2J\r\nX-{PAINTS}: y\r\n\r\n"
    packets = (
        IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / boot,
        IP(src="192.0.2.7") / UDP(sport=5353, dport=5353) / service,
        IP(src="192.0.2.7") / UDP(sport=40000, dport=1900) / f"NOTIFY * HTTP/1.1\r\nNT: {target}".encode(),
    )
    for packet in packets:
        facts = heard(Ether(src=MAC) / packet).evidence
        assert facts and all(clean(one.value) for one in facts)


def test_a_name_of_mdns_has_an_end() -> None:
    labels = b"".join(b"\x3f" + b"x" * 63 for _ in range(5)) + b"\0"
    with pytest.raises(WireError, match="255"):
        mdns.parse_services(struct.pack(">6H", 0, 0x8400, 1, 0, 0, 0) + labels + bytes(4))


def test_a_url_of_slp_is_whole_or_nothing() -> None:
    def reply(url: bytes) -> slp.SlpReply:
        entry = b"\0" + struct.pack(">HH", 600, len(url)) + url + b"\0"
        body = struct.pack(">HH", 0, 1) + entry
        return slp.parse_reply(b"\x02\x02" + (16 + len(body)).to_bytes(3, "big") + bytes(5) + b"\0\x07\0\x02en" + body)

    long = b"service:ipmi://192.0.2.7/" + b"x" * 300
    assert reply(long).urls == (long.decode(),)
    assert reply(b"service:ipmi://192.0.2.7/\x1b[2J").urls == ()
