"""Finds Redfish services by SSDP multicast, per network interface, on IPv4 and IPv6.

Two searches per interface and family, no more. What answers is evidence and not yet a proof: the service root is asked
by the sweep. Refuses answers that name another host than the one they come from.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from seedvm.errors import SeedvmError
from seedvm.scan.evidence import REDFISH, REDFISH_CLEAR, Bmc, Evidence
from seedvm.scan.sweep import now
from seedvm.wire import WireError
from seedvm.wire.ssdp import GROUP_V4, GROUP_V6, PORT, Ssdp, parse, search

WAIT = 3
GRACE_SECONDS = 1.0

OnFound = Callable[[Bmc], None]


async def search_redfish(
    interfaces: Iterable[str], *, wait: int = WAIT, on_found: OnFound | None = None
) -> tuple[Bmc, ...]:
    """Every Redfish service that answers on these interfaces within `wait` + 1 seconds, in the order of their addresses."""
    found: dict[str, Bmc] = {}

    def hear(data: bytes, address: str) -> None:
        with contextlib.suppress(WireError):
            said = parse(data)
            if said.is_redfish and not said.announcement and (bmc := as_bmc(said, address, "SSDP answer")):
                known = found.get(bmc.address, Bmc(bmc.address)).with_(bmc.protocols, bmc.evidence)
                found[bmc.address] = known
                if on_found:
                    on_found(known)

    sockets = [one for interface in interfaces for one in _open(interface)]
    try:
        loop = asyncio.get_running_loop()
        for one, _ in sockets:
            loop.add_reader(one, _readable, one, hear)
        for share in (0.3, 0.7):
            for one, group in sockets:
                with contextlib.suppress(OSError):  # an interface without this family or without link
                    one.sendto(search("[FF02::C]" if ":" in group else group, wait=wait), (group, PORT))
            await asyncio.sleep((wait + GRACE_SECONDS) * share)
    finally:
        for one, _ in sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
    return tuple(found[address] for address in sorted(found))


def as_bmc(said: Ssdp, address: str, source: str) -> Bmc | None:
    """What an answer says of the host it came from; None if it points to another host."""
    url = said.root
    facts = {"service-root": url, "uuid": said.uuid}
    protocol: tuple[str, ...] = ()
    if url:
        with contextlib.suppress(ValueError):
            host = urlsplit(url).hostname or ""
            if host.partition("%")[0].lower() != address.partition("%")[0].lower() and _is_address(host):
                return None
            protocol = (REDFISH if url.startswith("https:") else REDFISH_CLEAR,)
    return Bmc(address, protocol, tuple(Evidence(name, value, source, now()) for name, value in facts.items() if value))


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host.partition("%")[0])
            return True
    return False


def _open(interface: str) -> list[tuple[socket.socket, str]]:
    """A socket per family, bound to one interface."""
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        raise SeedvmError(f"there is no interface {interface}", hint="ip -br link shows what there is") from None
    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"", b"", index))
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    for one in (four, six):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        one.setblocking(False)
    return [(four, GROUP_V4), (six, GROUP_V6)]


def _readable(one: socket.socket, hear: Callable[[bytes, str], None]) -> None:
    with contextlib.suppress(BlockingIOError, OSError):
        data, origin = one.recvfrom(4096)
        address = str(origin[0])
        if one.family == socket.AF_INET6 and address.startswith("fe80:") and "%" not in address:
            address = f"{address}%{socket.if_indextoname(origin[3])}"
        hear(data, address)
