"""Listens on a wire without sending anything: who is there, what each says of itself, and which switch port this is.

Understood: ARP, DHCP, LLDP, SSDP announcements, mDNS; by scapy CDP, DHCPv6 and IPv6 neighbour discovery. Each fact keeps the
packet it came from. Refuses to conclude from silence, and to take what a host says of another for a fact about that other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from seedvm.base.addresses import zoned
from seedvm.scan import layers
from seedvm.scan.containment import contained
from seedvm.scan.evidence import REMARK, Evidence, now
from seedvm.scan.sniff import tap
from seedvm.wire import WireError, dhcp, ether, mdns, ssdp
from seedvm.wire.rmcp import guid_readings

Facts = Iterator[tuple[str, str, str]]
MOST_NEIGHBOURS, MOST_FACTS = 65536, 64
ROUTER = 134
DHCP_NAMES = {dhcp.DISCOVER: "DHCPDISCOVER", dhcp.OFFER: "DHCPOFFER", dhcp.REQUEST: "DHCPREQUEST", dhcp.ACK: "DHCPACK"}


@dataclass(frozen=True)
class Neighbour:
    """One MAC on the wire and what it said."""

    mac: str
    evidence: tuple[Evidence, ...] = ()

    def facts(self, name: str) -> tuple[str, ...]:
        """All different values of a fact in the order they came."""
        return tuple(dict.fromkeys(one.value for one in self.evidence if one.fact == name))

    @property
    def is_bmc(self) -> bool:
        """It announced a management service; nothing else is taken for a sign."""
        return bool(self.facts("redfish-service")) or bool(self.facts("bmc-service"))

    def to_json(self) -> dict[str, object]:
        rows = [{"fact": e.fact, "value": e.value, "source": e.source, "time": e.time} for e in self.evidence]
        return {"mac": self.mac, "bmc": self.is_bmc, "evidence": rows}


async def listen(
    interface: str, *, seconds: float, on_seen: Callable[[Neighbour], None] | None = None
) -> tuple[Neighbour, ...]:
    """Hear for `seconds`; `on_seen` gets a neighbour whenever something new is known of it."""
    seen: dict[str, Neighbour] = {}

    def note(frame: bytes) -> None:
        changed = hear(seen, frame, interface)
        if changed and on_seen:
            on_seen(changed)

    end = asyncio.get_running_loop().time() + seconds
    async with tap(interface, every=True) as (_, frames):
        await asyncio.to_thread(layers.ready)  # what comes meanwhile is kept
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while True:
                    note(await frames.get())
                    await asyncio.sleep(0)  # a flood must not keep the clock from being looked at
        for _ in range(frames.qsize()):
            note(frames.get_nowait())
    return tuple(seen[mac] for mac in sorted(seen))


def hear(seen: dict[str, Neighbour], raw: bytes, interface: str) -> Neighbour | None:
    """Add what a frame says; the neighbour if anything is new. At most 65,536 neighbours, 64 facts of each, are kept."""
    try:
        frame = ether.parse_frame(raw)
        said = _said(frame, interface)
    except WireError:
        return None
    known = seen.get(frame.source, Neighbour(frame.source))
    have = {(one.fact, one.value, one.source) for one in known.evidence}
    new = tuple(Evidence(*fact, now()) for fact in dict.fromkeys(said) if fact not in have)
    if not new or len(have) + len(new) > MOST_FACTS or (frame.source not in seen and len(seen) >= MOST_NEIGHBOURS):
        return None
    seen[frame.source] = replace(known, evidence=known.evidence + new)
    return seen[frame.source]


def _said(frame: ether.Frame, interface: str) -> tuple[tuple[str, str, str], ...]:
    """What a frame says; where reading it fails otherwise than by a refusal, that is what is known. Raises WireError."""
    said: list[tuple[str, str, str]] = []

    def odd(text: str) -> None:
        said.append((REMARK, text, "listening"))

    with contained(frame.source, "reading its packet", odd, passing=WireError):
        said += facts_of(frame, interface)
    return tuple(said)


def facts_of(frame: ether.Frame, interface: str) -> Facts:
    """(fact, value, source) of one frame; a link-local address gets `interface` as its zone."""
    tagged = () if frame.vlan is None else (("vlan", str(frame.vlan), "802.1Q tag"),)
    if frame.kind == ether.ARP:
        arp = ether.parse_arp(frame.payload)
        if not arp.probe and arp.mac == frame.source:
            yield "address", arp.address, "ARP"
    elif frame.kind == ether.LLDP:
        yield from _lldp(ether.parse_lldp(frame.payload))
    elif frame.kind <= ether.LONGEST_802_3:
        yield from _cdp(layers.cdp(frame.payload))
    elif frame.kind == ether.IPV6 and (said := ether.parse_ipv6(frame)).kind == ether.ICMPV6:
        yield from _neighbour(layers.discovery(said.data), said, frame.source, interface)
    else:
        yield from _udp(ether.parse_udp(frame), interface)
    yield from tagged


def _lldp(said: ether.Lldp) -> Facts:
    yield "switch", said.system or said.chassis, "LLDP"
    yield "switch-port", said.port_description or said.port, "LLDP"
    if said.vlan is not None:
        yield "port-vlan", str(said.vlan), "LLDP"


def _cdp(said: layers.Cdp) -> Facts:
    yield "switch", said.device, "CDP"
    yield "switch-port", said.port, "CDP"
    if said.platform:
        yield "switch-platform", said.platform, "CDP"
    if said.vlan is not None:
        yield "port-vlan", str(said.vlan), "CDP"


def _neighbour(said: layers.Discovery, packet: ether.Ipv6, mac: str, interface: str) -> Facts:
    """Whose address it is: the sender's own, and the target of an advertisement that names the sender's MAC."""
    if packet.source != "::":
        yield "address", zoned(packet.source, interface), said.name
    if said.target and said.mac == mac:
        yield "address", zoned(said.target, interface), said.name
    if said.kind == ROUTER:
        yield "router", zoned(packet.source, interface), said.name


def _udp(said: ether.Datagram, interface: str) -> Facts:
    if {said.port, said.source_port} & {67, 68}:
        yield from _dhcp(dhcp.parse_dhcp(said.data))
    elif {said.port, said.source_port} & {546, 547}:
        yield from _dhcp6(layers.dhcp6(said.data), zoned(said.source, interface))
    elif said.port == ssdp.PORT:
        notice = ssdp.parse(said.data)
        if notice.is_redfish:
            yield "address", zoned(said.source, interface), "SSDP NOTIFY"
            yield "redfish-service", notice.root or said.source, "SSDP NOTIFY"
            if notice.uuid:
                yield "uuid", notice.uuid, "SSDP NOTIFY"
    elif said.source_port == mdns.PORT:
        for service in mdns.parse_services(said.data):
            if service.is_bmc:
                yield "address", zoned(said.source, interface), "mDNS"
                yield "bmc-service", f"{service.name} ({service.kind})", "mDNS"


def _dhcp(said: dhcp.Dhcp) -> Facts:
    source = DHCP_NAMES.get(said.kind, "DHCP")
    if not said.request:
        yield "dhcp-server", said.server or "unknown", source
        return
    if said.vendor_class:
        yield "vendor-class", said.vendor_class, source
    if said.architecture is not None:
        yield "architecture", str(said.architecture), f"{source} option 93"
    if said.client_uuid and guid_readings(said.client_uuid):
        yield "client-uuid", said.client_uuid.hex(), f"{source} option 97"


def _dhcp6(said: layers.Dhcp6, source: str) -> Facts:
    if said.from_server:
        yield "dhcpv6-server", source, said.name
        return
    yield "address", source, said.name
    if said.vendor_class:
        yield "vendor-class", said.vendor_class, f"{said.name} option 16"
    if said.architecture is not None:
        yield "architecture", str(said.architecture), f"{said.name} option 61"
    if said.uuid and guid_readings(said.uuid):
        yield "client-uuid", said.uuid.hex(), f"{said.name} client DUID"
    if said.mac:
        yield "duid-mac", said.mac, f"{said.name} client DUID"
