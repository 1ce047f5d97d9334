"""Asks a whole wire at once: SSDP for Redfish, SLP v2 for management controllers, mDNS for OpenBMC; per interface, IPv4 and IPv6.

Each question is asked twice, no more, and paced. What answers is evidence and not yet a proof: the sweep asks the host itself, where
it is in a declared range. Refuses answers that name another host than the one they come from.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from seedvm.base import addresses as addr
from seedvm.base.errors import SeedvmError
from seedvm.scan.containment import contained
from seedvm.scan.evidence import Bmc, Evidence, HostRemark, now
from seedvm.scan.pace import Pace
from seedvm.wire import WireError, mdns, slp, ssdp

WAIT = 3
GRACE_SECONDS = 1.0
ASKED_TIMES = 2
MOST_FOUND = 65536
PACKETS = ASKED_TIMES * 2 * (1 + len(slp.TYPES) + 1)  # per interface

OnFound = Callable[[Bmc], None]
OnRemark = Callable[[HostRemark], None]
Decode = Callable[[bytes, str], "Bmc | str | None"]
"""What an answer from an address means: a BMC, in a line what is odd about it, or nothing."""


@dataclass(frozen=True)
class Question:
    """A multicast question: where it goes, its bytes, and what an answer from an address means."""

    group: str
    port: int
    packet: bytes
    decode: Decode


def plan_search(interfaces: Iterable[str], *, rate: float, wait: int = WAIT) -> tuple[int, float]:
    """Packets and seconds that a search of these interfaces takes."""
    count = len(tuple(interfaces))
    return count * PACKETS, round(count * PACKETS / rate + wait + GRACE_SECONDS, 1) if count else 0.0


async def search(
    interfaces: Iterable[str],
    *,
    pace: Pace,
    wait: int = WAIT,
    on_found: OnFound | None = None,
    on_remark: OnRemark | None = None,
) -> tuple[Bmc, ...]:
    """Every management service that answers on these interfaces within `wait` + 1 seconds, in the order of their addresses."""
    found: dict[str, Bmc] = {}

    def hear(bmc: Bmc) -> None:
        if bmc.address in found or len(found) < MOST_FOUND:
            found[bmc.address] = found.get(bmc.address, Bmc(bmc.address)).with_(bmc.protocols, bmc.evidence)
            if on_found:
                on_found(found[bmc.address])

    def odd(address: str, text: str) -> None:
        if on_remark:
            on_remark(HostRemark(address, text, now()))

    loop = asyncio.get_running_loop()
    asked = [(_open(nic, question), question) for nic in interfaces for question in questions(wait)]
    try:
        for made, question in asked:
            loop.add_reader(made, partial(_readable, made, question.decode, hear, odd))
        for share in (0.3, 0.7):
            for made, question in asked:
                await pace.turn()
                with contextlib.suppress(OSError):  # an interface without this family or without link
                    made.sendto(question.packet, (question.group, question.port))
            await asyncio.sleep((wait + GRACE_SECONDS) * share)
    finally:
        for made, _ in asked:
            loop.remove_reader(made)
            made.close()
    return tuple(found[address] for address in sorted(found, key=addr.order))


def questions(wait: int) -> list[Question]:
    """All that a wire is asked; each SLP question has a transaction of its own."""
    made = [
        Question(ssdp.GROUP_V4, ssdp.PORT, ssdp.search(ssdp.GROUP_V4, wait=wait), _ssdp),
        Question(ssdp.GROUP_V6, ssdp.PORT, ssdp.search("[FF02::C]", wait=wait), _ssdp),
        Question(mdns.GROUP_V4, mdns.PORT, mdns.question(), _mdns),
        Question(mdns.GROUP_V6, mdns.PORT, mdns.question(), _mdns),
    ]
    first = random.randrange(1, 0xFF00)
    for number, service in enumerate(slp.TYPES):
        for at, group in enumerate((slp.GROUP_V4, slp.group_v6(service))):
            transaction = first + 2 * number + at
            packet = slp.request(service, transaction)
            made.append(Question(group, slp.PORT, packet, partial(_slp, transaction=transaction)))
    return made


def _ssdp(data: bytes, address: str) -> Bmc | str | None:
    said = ssdp.parse(data)
    if not said.is_redfish or said.announcement:
        return None
    return as_bmc(said, address, "SSDP answer") or f"its SSDP answer names another host, and is not used: {said.root}"


def _slp(data: bytes, address: str, *, transaction: int) -> Bmc | None:
    said = slp.parse_reply(data)
    known = {one.lower() for one in slp.TYPES}
    urls = [url for url in said.urls if slp.service_of(url) in known] if said.transaction == transaction else []
    return Bmc(address, (), tuple(Evidence("bmc-service", url, "SLP reply", now()) for url in urls)) if urls else None


def _mdns(data: bytes, address: str) -> Bmc | None:
    said = [one for one in mdns.parse_services(data) if one.is_bmc]
    rows = tuple(Evidence("bmc-service", f"{one.name} ({one.kind})", "mDNS answer", now()) for one in said)
    return Bmc(address, (), rows) if rows else None


def as_bmc(said: ssdp.Ssdp, address: str, source: str) -> Bmc | None:
    """What an answer says of the host it came from; None if it points to another host. It proves no protocol: the root does."""
    url = said.root
    facts = {"redfish-service": said.target, "service-root": url, "uuid": said.uuid}
    if url:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return None
        if addr.bare(host).lower() != addr.bare(address).lower() and _is_address(addr.bare(host)):
            return None
    return Bmc(address, (), tuple(Evidence(name, value, source, now()) for name, value in facts.items() if value))


def _is_address(host: str) -> bool:
    return addr.order(host)[0] != 9


def _open(interface: str, question: Question) -> socket.socket:
    """A socket bound to one interface, for the answers to one question."""
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        raise SeedvmError(f"there is no interface {interface}", hint="list them with: ip -br link") from None
    if ":" in question.group:
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    else:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    made.setblocking(False)
    return made


def _readable(
    made: socket.socket, decode: Decode, hear: Callable[[Bmc], None], odd: Callable[[str, str], None]
) -> None:
    try:
        data, origin = made.recvfrom(4096)
        address = addr.from_socket(origin)
    except OSError:
        return
    said: Bmc | str | None = None
    doing = "reading its answer to a multicast question"
    with contextlib.suppress(WireError), contained(address, doing, partial(odd, address), passing=WireError):
        said = decode(data, address)
    if isinstance(said, str):
        odd(address, said)
    elif said:
        hear(said)
