"""The far end of a cable (far0) in a network namespace of its own, as the standards describe it: hosts that answer by ARP and ICMPv6
(the kernel's), RMCP presence and sessionless IPMI (IPMI v2.0 13.2, 22.13, 22.14), Redfish over TLS (DSP0266), SSDP, SLP v2 (RFC 2608)
and mDNS (RFC 6762).

Run as a program with a JSON file: {"mac", "hosts": [{"address", "ipmi": guid in hex or "", "redfish": uuid or "", "v15": bool,
"deaf": ["ping" | "capabilities" | "guid" | "tls" | "http"]}], "extra_macs": [[interface, mac, address]], "services": bool, "cert", "key"}.
Each packet that came is a line on standard output. A host is deaf to what it takes and never answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seedvm.base import process

Reply = Callable[[bytes], bytes | None]
INDEX = 0


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def ip(*words: str) -> None:
    process.run(["ip", *words], timeout=60)


def rmcp_reply(guid: bytes, v15: bool, deaf: list[str]) -> Reply:
    """What a BMC answers without a session; anything else is silence."""

    def message(request: bytes, data: bytes) -> bytes:
        head = bytes((request[3], (request[1] >> 2 | 1) << 2))
        body = bytes((request[0], request[4], request[5])) + b"\0" + data
        whole = head + bytes((-sum(head) & 255,)) + body + bytes((-sum(body) & 255,))
        return b"\x06\x00\xff\x07" + struct.pack("<BIIB", 0, 0, 0, len(whole)) + whole

    def reply(packet: bytes) -> bytes | None:
        if packet[3] == 0x06 and packet[8] == 0x80 and "ping" not in deaf:
            pong = struct.pack(">IBBBB", 4542, 0x40, packet[9], 0, 16) + struct.pack(">IIBB6x", 4542, 0, 0x81, 0)
            return b"\x06\x00\xff\x06" + pong
        request = packet[14:]
        if packet[3] == 0x07 and request[5] == 0x38 and "capabilities" not in deaf:
            if v15 and request[6] & 0x80:
                return None
            caps = b"\x01\x14\x04\x00" if v15 else b"\x01\x94\x04\x02"
            return message(request, caps + bytes((0x7C, 0x2A, 0, 0)))
        if packet[3] == 0x07 and request[5] == 0x37 and "guid" not in deaf:
            return message(request, guid)
        return None

    return reply


class Answers(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply, word: str) -> None:
        self._reply, self._word = reply, word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        say(self._word)
        with contextlib.suppress(IndexError, struct.error):
            if (answer := self._reply(data)) is not None:
                self._transport.sendto(answer, addr)


def bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port, 0, INDEX) if ":" in address else (address, port))
    return made


def joined(group: str, port: int) -> socket.socket:
    made = bound(group, port)
    if ":" in group:
        member = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", INDEX)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    else:
        made.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4si", socket.inet_aton(group), bytes(4), INDEX)
        )
    return made


def ssdp_reply(address: str, uuid: str) -> Reply:
    """DSP0266 section 13: the answer to a search for Redfish."""
    target = "urn:dmtf-org:service:redfish-rest:1"
    text = (
        f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: {target}:6\r\nUSN: uuid:{uuid}::{target}:6\r\n"
        f"AL: https://{address}/redfish/v1/\r\nEXT:\r\n\r\n"
    )
    return lambda data: text.encode() if data.startswith(b"M-SEARCH") and target.encode() in data else None


def slp_reply(url: str) -> Reply:
    """RFC 2608 8.2: a service reply with one URL entry for `service:ipmi`."""

    def reply(data: bytes) -> bytes | None:
        if data[0] != 2 or data[1] != 1 or b"service:ipmi" not in data:
            return None
        entry = b"\0" + struct.pack(">HH", 600, len(url)) + url.encode() + b"\0"
        body = struct.pack(">HH", 0, 1) + entry
        head = struct.pack(
            ">BB3sH3s2sH2s", 2, 2, (16 + len(body)).to_bytes(3, "big"), 0, bytes(3), data[10:12], 2, b"en"
        )
        return head + body

    return reply


def mdns_reply(data: bytes) -> bytes | None:
    """RFC 6763: a PTR record of _obmc_console._tcp, by unicast as was asked (RFC 6762 5.4)."""
    labels = b"".join(bytes((len(one),)) + one for one in (b"_obmc_console", b"_tcp", b"local")) + b"\0"
    if data[2] & 0x80 or labels not in data:
        return None
    instance = bytes((5,)) + b"bmc-1" + b"\xc0\x0c"
    record = labels + struct.pack(">HHIH", 12, 1, 120, len(instance)) + instance
    return struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + record


async def redfish(address: str, uuid: str, context: ssl.SSLContext, deaf: list[str]) -> None:
    said = json.dumps({"RedfishVersion": "1.6.0", "UUID": uuid, "Vendor": "Contoso", "Product": "Ace"}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        say("redfish")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await (reader.read() if {"tls", "http"} & set(deaf) else reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
            await writer.drain()
        writer.close()

    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, 443, 0, INDEX) if ":" in address else (address, 443))
    await asyncio.start_server(serve, sock=listening, ssl=None if "tls" in deaf else context)


def network(plan: dict[str, Any]) -> None:
    """Addresses on far0; `extra_macs` are other machines on the same cable."""
    for line in (
        "net.ipv4.conf.all.arp_ignore=1",
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv6.conf.default.accept_dad=0",
    ):
        process.run(["sysctl", "-qw", line], timeout=60)
    ip("link", "set", "lo", "up")
    ip("link", "set", "far0", "down")
    ip("link", "set", "far0", "address", plan["mac"])
    process.run(["sysctl", "-qw", "net.ipv6.conf.far0.accept_dad=0"], timeout=60)
    ip("link", "set", "far0", "up")
    for host in plan["hosts"]:
        width = "64" if ":" in host["address"] else host.get("prefix", "24")
        ip("address", "add", f"{host['address']}/{width}", "dev", "far0", *(("nodad",) if width == "64" else ()))
    for name, mac, address in plan.get("extra_macs", ()):
        ip("link", "add", name, "link", "far0", "address", mac, "type", "macvlan", "mode", "bridge")
        ip("address", "add", f"{address}/24", "dev", name)
        ip("link", "set", name, "up")


async def main() -> None:
    global INDEX
    plan = json.loads(Path(sys.argv[1]).read_text())
    while "far0" not in [name for _, name in socket.if_nameindex()]:
        await asyncio.sleep(0.02)
    network(plan)
    INDEX = socket.if_nametoindex("far0")
    loop = asyncio.get_running_loop()

    async def answers(made: socket.socket, reply: Reply, word: str) -> None:
        await loop.create_datagram_endpoint(lambda: Answers(reply, word), sock=made)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plan["cert"], plan["key"])
    for host in plan["hosts"]:
        address, deaf = host["address"], host.get("deaf", [])
        if host.get("ipmi"):
            reply = rmcp_reply(bytes.fromhex(host["ipmi"]), host.get("v15", False), deaf)
            await answers(bound(address, 623), reply, f"rmcp {address}")
        if host.get("redfish"):
            await redfish(address, host["redfish"], context, deaf)
    if plan.get("services"):
        first = plan["hosts"][0]["address"]
        for group in ("239.255.255.250", "ff02::c"):
            await answers(joined(group, 1900), ssdp_reply(first if "." in group else "bmc.local", "u-1"), "ssdp")
        for group in ("239.255.255.253", plan["slp_v6"]):
            await answers(joined(group, 427), slp_reply("service:ipmi://bmc:623"), "slp")
        for group in ("224.0.0.251", "ff02::fb"):
            await answers(joined(group, 5353), mdns_reply, "mdns")
    say("ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
