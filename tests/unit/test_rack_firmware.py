"""What the machine's firmware says on the wire, and what its guest is shown as hardware."""

from __future__ import annotations

import ipaddress
import struct
import uuid

from seedvm.rack.firmware import dhcp
from seedvm.rack.sandbox import guest

MAC = bytes.fromhex("525400aa0001")
UUID = uuid.UUID("11111111-2222-3333-4444-555555555501")
HARDWARE = guest.GuestHardware("m1", str(UUID), "TOY1", 3, 1024, "loop7", ("eth0",), "quiet")


def answer(**fields: bytes) -> bytes:
    """A server's OFFER of 172.22.0.100, as the machine gets it."""
    head = struct.pack("!BBBBIHH", 2, 1, 6, 0, 7, 0, 0) + bytes(4) + bytes([172, 22, 0, 100]) + bytes([172, 22, 0, 10])
    head += bytes(4) + MAC.ljust(16, b"\0") + bytes(64) + fields.get("file", b"").ljust(128, b"\0")
    return (
        head
        + b"\x63\x82\x53\x63"
        + bytes([53, 1, 2, 54, 4, 172, 22, 0, 10, 1, 4, 255, 255, 255, 0])
        + fields["options"]
    )


def test_the_first_stage_names_bios_and_the_machines_uuid() -> None:
    packet = dhcp.message(dhcp.DISCOVER, 7, MAC, UUID, ipxe=False)
    assert b"\x5d\x02\x00\x00" in packet  # option 93, x86 BIOS
    assert b"\x61\x11\x00" + UUID.bytes_le in packet
    assert b"iPXE" not in packet


def test_the_second_stage_says_that_it_is_ipxe() -> None:
    packet = dhcp.message(dhcp.DISCOVER, 7, MAC, UUID, ipxe=True)
    assert b"\x4d\x04iPXE" in packet
    assert b"\xaf" in packet


def test_a_frame_gives_back_its_payload_at_the_servers_side() -> None:
    payload = dhcp.message(dhcp.DISCOVER, 7, MAC, UUID, ipxe=False)
    frame = dhcp.frame(MAC, payload)
    assert dhcp.unframe(frame) is None  # it goes to port 67, not to a client
    turned = frame[:34] + struct.pack("!HH", 67, 68) + frame[38:]
    assert dhcp.unframe(turned) == payload


def test_an_offer_becomes_a_lease_with_option_67_before_the_fixed_field() -> None:
    reply = dhcp.read(answer(file=b"old", options=bytes([67, 3]) + b"new" + b"\xff"))
    assert reply is not None
    lease = reply.lease()
    assert lease is not None
    assert (str(lease.address), lease.boot_file) == ("172.22.0.100/24", "new")
    assert lease.next_server == ipaddress.IPv4Address("172.22.0.10")


def test_the_fixed_field_serves_where_there_is_no_option_67() -> None:
    reply = dhcp.read(answer(file=b"undionly.kpxe", options=b"\xff"))
    assert reply is not None
    lease = reply.lease()
    assert lease is not None and lease.boot_file == "undionly.kpxe"


def test_what_is_no_dhcp_answer_is_not_read() -> None:
    assert dhcp.read(b"\x02" * 100) is None
    assert dhcp.read(dhcp.message(dhcp.DISCOVER, 7, MAC, UUID, ipxe=False)) is None
    assert dhcp.read(answer(options=bytes([67, 200]) + b"cut")) is not None


def test_memory_is_that_of_the_machine() -> None:
    shown = guest.meminfo("MemTotal:       24000000 kB\nMemFree:        1000 kB\nHugePages_Total:       0\n", 1024)
    assert "MemTotal:        1048576 kB" in shown
    assert "HugePages_Total:        0\n" in shown


def test_cpus_are_as_many_as_the_machine_has() -> None:
    shown = guest.cpuinfo("processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\nmodel name\t: x\n\n", 3)
    assert shown.count("model name") == 3
    assert "processor\t: 2" in shown


def test_the_inventory_has_memory_and_serial_where_the_agent_looks() -> None:
    tree = guest.lshw(HARDWARE)
    assert tree["serial"] == "TOY1"
    children = tree["children"]
    assert isinstance(children, list)
    assert {"id": "memory", "size": 1 << 30}.items() <= children[0]["children"][1].items()
