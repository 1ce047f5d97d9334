"""What is on our own wires: who answers for an address by ARP, and the IPv6 neighbours that have no other address.

An IPv4 address on link that nobody answers for is asked nothing else. Both look at the wire itself, so that a MAC is known and two
machines with one address are seen. Needs CAP_NET_RAW; without it `Wires` says that nothing is on link and the scan asks by UDP alone.
Source: RFC 826, RFC 4443 section 4.1 (echo request to all nodes, RFC 4291 section 2.7.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.scan.pace import Pace
from seedvm.wire import WireError, arp, ether

ALL_NODES = "ff02::1"
ECHO_REQUEST = 128
ECHO_SECONDS = 1.2
ECHOES = 2
PROXY_ADDRESSES = 4  # a MAC that answers for more is a router, a proxy or a host of many; no BMC has more
MOST_NEIGHBOURS = 4096


@dataclass(frozen=True)
class Wire:
    """An interface with an IPv4 network of its own."""

    interface: str
    mac: str
    address: IPv4Address


@dataclass
class Wires:
    """Where IPv4 addresses are on link, and what ARP said: `macs` by address in the order they answered, `replies` counted."""

    routes: tuple[tuple[IPv4Network, Wire | None], ...] = ()
    ours: frozenset[str] = frozenset()
    macs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    replies: Counter[str] = field(default_factory=Counter)
    _answers: Counter[str] = field(default_factory=Counter)
    _taps: dict[str, socket.socket] = field(default_factory=dict)
    _wanted: set[str] = field(default_factory=set)

    def wire(self, address: str) -> Wire | None:
        """The wire an address is on; None where it is behind a router, our own, or not IPv4."""
        if ":" in address or address in self.ours:
            return None
        wanted = IPv4Address(address)
        return next((wire for network, wire in self.routes if wanted in network), None)

    def machine(self, address: str) -> str:
        """What stands for the machine behind an address: its MAC if it is known and no router's, else the address."""
        mac = self.macs.get(address, ("",))[0]
        return mac if mac and self._answers[mac] <= PROXY_ADDRESSES else address

    async def ask(self, addresses: Sequence[str], pace: Pace) -> None:
        """Ask once for each of these addresses (all on link)."""
        self._wanted.update(addresses)
        for address in addresses:
            wire = self.wire(address)
            if wire is None:
                continue
            await pace.turn()
            question = arp.probe(wire.mac, IPv4Address(address), wire.address)
            with contextlib.suppress(OSError, SeedvmError):  # a full queue or a link that went down is silence
                self._tap(wire.interface).send(question)

    async def heard(self, addresses: Sequence[str], seconds: float) -> set[str]:
        """Wait for so many seconds, and say who of these answered by then."""
        await asyncio.sleep(seconds)
        return {address for address in addresses if address in self.macs}

    def _tap(self, interface: str) -> socket.socket:
        if interface not in self._taps:
            raw = raw_socket(interface, ether.ARP)
            self._taps[interface] = raw
            asyncio.get_running_loop().add_reader(raw, self._readable, raw)
        return self._taps[interface]

    def _readable(self, raw: socket.socket) -> None:
        for frame in frames(raw):
            said = arp.claim(frame)
            if said and said.address in self._wanted:
                self.replies[said.address] += 1
                known = self.macs.get(said.address, ())
                if said.mac not in known and len(known) < PROXY_ADDRESSES:
                    self.macs[said.address] = (*known, said.mac)
                    self._answers[said.mac] += 1

    def close(self) -> None:
        for raw in self._taps.values():
            asyncio.get_running_loop().remove_reader(raw)
            raw.close()
        self._taps.clear()


def may_listen() -> bool:
    """Whether this process may open raw sockets."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return False
    return True


def raw_socket(interface: str, kind: int) -> socket.socket:
    """A raw socket that hears one EtherType on one interface."""
    try:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        raw.bind((interface, kind))
    except OSError as error:
        raise SeedvmError(
            f"cannot listen on {interface}",
            why=error.strerror or str(error),
            hint="check the interface's name (ip -br link); run as root",
        ) from None
    raw.setblocking(False)
    return raw


def frames(raw: socket.socket) -> Iterator[bytes]:
    """What has come in for us, at most 256 frames at once so that others get their turn. Not what we sent, and not what is for
    others, as which the kernel marks a frame of a tagged VLAN that has no interface here."""
    for _ in range(256):
        try:
            frame, origin = raw.recvfrom(2048)
        except OSError:
            return
        if origin[2] not in (socket.PACKET_OUTGOING, socket.PACKET_OTHERHOST):
            yield frame


async def own_wires() -> Wires:
    """The wires of this machine as its routes have them."""
    if not may_listen():
        return Wires()
    links = json.loads((await process.arun(["ip", "-j", "address", "show"], timeout=10)).stdout or "[]")
    table = (await process.arun(["ip", "-j", "-4", "route", "show", "table", "main"], timeout=10)).stdout
    return wires_of(links, json.loads(table or "[]"))


def wires_of(links: Sequence[dict[str, object]], table: Sequence[dict[str, object]]) -> Wires:
    """Decode what `ip -j address` and `ip -j -4 route` say; the longest prefix comes first."""
    wires: dict[str, Wire] = {}
    ours: set[str] = set()
    for link in links:
        flags, rows = link.get("flags"), link.get("addr_info")
        held = [str(row["local"]) for row in rows if row.get("family") == "inet"] if isinstance(rows, list) else []
        ours.update(held)
        plain = isinstance(flags, list) and "BROADCAST" in flags and "NOARP" not in flags and "UP" in flags
        if plain and held and link.get("link_type") == "ether":
            name = str(link["ifname"])
            wires[name] = Wire(name, str(link["address"]), IPv4Address(held[0]))
    routes: list[tuple[IPv4Network, Wire | None]] = []
    for row in table:
        network = IPv4Network("0.0.0.0/0" if row.get("dst") == "default" else str(row.get("dst")), strict=False)
        direct = "gateway" not in row and "via" not in row and "nexthops" not in row
        wire = wires.get(str(row.get("dev"))) if direct else None
        source = row.get("prefsrc")
        routes.append((network, Wire(wire.interface, wire.mac, IPv4Address(str(source))) if wire and source else wire))
    return Wires(tuple(sorted(routes, key=lambda one: -one[0].prefixlen)), frozenset(ours))


async def link_local_neighbours(
    interface: str, pace: Pace, *, on_seen: Callable[[str, str, str], None]
) -> tuple[str, ...]:
    """Every IPv6 link-local address that is heard on a wire while all nodes are asked for an echo, with its zone.

    `on_seen` gets (address, MAC, packet) as they come. A host that answers no echo is heard by its neighbour discovery.
    """
    seen: dict[str, str] = {}
    raw = raw_socket(interface, ether.IPV6)

    def readable() -> None:
        for raw_frame in frames(raw):
            with contextlib.suppress(WireError):
                frame = ether.parse_frame(raw_frame)
                said = ether.parse_ipv6(frame)
                address = f"{said.source}%{interface}"
                if said.link_local and address not in seen and len(seen) < MOST_NEIGHBOURS:
                    seen[address] = frame.source
                    on_seen(address, frame.source, _packet(said))

    loop = asyncio.get_running_loop()
    loop.add_reader(raw, readable)
    try:
        for number in range(ECHOES):
            await pace.turn()
            with contextlib.suppress(OSError):  # no IPv6 on this wire: nobody is heard
                _echo(interface, number)
            await asyncio.sleep(ECHO_SECONDS)
    finally:
        loop.remove_reader(raw)
        raw.close()
    return tuple(sorted(seen))


def _packet(said: ether.Ipv6) -> str:
    names = {129: "ICMPv6 echo reply", 135: "neighbour solicitation", 136: "neighbour advertisement"}
    if said.kind == ether.ICMPV6 and said.data:
        return names.get(said.data[0], f"ICMPv6 type {said.data[0]}")
    return "IPv6 packet"


def _echo(interface: str, number: int) -> None:
    """One echo request to all nodes; the kernel adds the checksum."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as icmp:
        index = socket.if_nametoindex(interface)
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
        icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        packet = struct.pack(">BBHHH", ECHO_REQUEST, 0, 0, os.getpid() & 0xFFFF, number)
        icmp.sendto(packet, (ALL_NODES, 0, 0, index))
