"""Listens on a wire: machines that ask for an address, and DHCP servers that were not declared.

A frame of a tagged VLAN keeps its tag, so that what is said on another VLAN of a trunk is not taken for this wire.
Needs CAP_NET_RAW. Sends nothing but the one DHCPDISCOVER of `foreign_dhcp_servers`, which never asks for a lease.
Refuses to guess which machine a request is from: matching by UUID is done by `match_machine`, and only if it is certain.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.scan.containment import contained
from seedvm.wire import WireError, ether
from seedvm.wire.dhcp import ACK, DISCOVER, OFFER, REQUEST, Dhcp, discover_frame, mac_text, parse_frame
from seedvm.wire.rmcp import guid_readings

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_MR_PROMISC = 263, 1, 8, 1  # linux/if_packet.h
AUXDATA = struct.Struct("=IIIHHHH")  # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6


@dataclass(frozen=True)
class DhcpServer:
    """A DHCP server that answered: the id it gives and the MAC it speaks from."""

    address: str
    mac: str


@contextlib.asynccontextmanager
async def tap(interface: str, *, every: bool = False) -> AsyncIterator[tuple[socket.socket, asyncio.Queue[bytes]]]:
    """A raw socket on one interface and the frames that come in by it; frames over the queue's end are dropped.

    With `every` the card passes on what it would filter out: groups that nobody joined (LLDP, CDP) and VLANs that nobody made.
    """
    try:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        raw.bind((interface, 0))
        raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if every:
            wish = struct.pack("iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
            raw.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, wish)
    except OSError as error:
        raise SeedvmError(
            f"cannot listen on {interface}",
            why=error.strerror or str(error),
            hint="check the interface's name; run as root",
        ) from None
    raw.setblocking(False)
    frames: asyncio.Queue[bytes] = asyncio.Queue(4096)

    def readable() -> None:
        with contextlib.suppress(BlockingIOError, asyncio.QueueFull, OSError):
            frame, notes, _, origin = raw.recvmsg(2048, socket.CMSG_SPACE(AUXDATA.size))
            if origin[2] != PACKET_OUTGOING:
                frames.put_nowait(with_tag(frame, notes))

    loop = asyncio.get_running_loop()
    loop.add_reader(raw, readable)
    try:
        yield raw, frames
    finally:
        loop.remove_reader(raw)
        raw.close()


def with_tag(frame: bytes, notes: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The frame as it was on the wire: with the VLAN tag that the kernel took off it, but for a mere priority tag (VLAN 0)."""
    for level, kind, data in notes:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and len(data) >= AUXDATA.size:
            status, _, _, _, _, tag, protocol = AUXDATA.unpack_from(data)
            if status & VLAN_VALID and tag & 0x0FFF:
                known = protocol if status & VLAN_TPID_VALID else ether.VLAN
                return frame[:12] + struct.pack(">HH", known, tag) + frame[12:]
    return frame


def read(frame: bytes) -> Dhcp | None:
    """The DHCP message in a frame; None for any other frame, and for one that fails our decoder, which the trace keeps."""
    said = None
    doing = "reading its DHCP message"
    with contextlib.suppress(WireError), contained(mac_text(frame[6:12]), doing, passing=WireError):
        said = parse_frame(frame)
    return said


async def sniff_dhcp(interface: str, *, until: Awaitable[object], on_request: Callable[[Dhcp], None]) -> None:
    """Hear every DHCP request on `interface` until `until` is done. The socket is open before `until` starts to run."""
    async with tap(interface) as (_, frames):
        ending = asyncio.ensure_future(until)

        async def hear() -> None:
            while True:
                said = read(await frames.get())
                if said and said.request and said.kind in (DISCOVER, REQUEST):
                    on_request(said)

        hearing = asyncio.ensure_future(hear())
        try:
            await asyncio.wait({ending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            for done in (ending, hearing):
                if done.done():
                    done.result()
        finally:
            for task in (ending, hearing):
                task.cancel()
            await asyncio.gather(ending, hearing, return_exceptions=True)


async def foreign_dhcp_servers(interface: str, mac: str, timeout: float = 6.0) -> list[DhcpServer]:
    """Send a DHCPDISCOVER twice from `mac` and list who offers something within `timeout` seconds. No lease is taken."""
    found: dict[str, DhcpServer] = {}
    transaction = int.from_bytes(os.urandom(4), "big")
    async with tap(interface) as (raw, frames):

        async def hear() -> None:
            while True:
                frame = await frames.get()
                said = read(frame)
                if said and not said.request and said.kind in (OFFER, ACK) and said.transaction == transaction:
                    who = said.server or "unknown"
                    found[who] = DhcpServer(who, mac_text(frame[6:12]))

        for share in (0.4, 0.6):
            try:
                raw.send(discover_frame(mac, transaction))
            except OSError as error:
                raise SeedvmError(
                    f"cannot send on {interface}",
                    why=error.strerror or str(error),
                    hint="check that the cable is connected and the link is up",
                ) from None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout * share):
                    await hear()
    return sorted(found.values(), key=lambda one: one.address)


def match_machine(request: Dhcp, guids: Mapping[str, bytes]) -> str | None:
    """The one machine (a key of `guids`, raw 16 bytes each) whose GUID may mean the same UUID as option 97, else None.

    Both sides are read in every byte order they come in; if more than one machine could be meant, none is.
    """
    if request.client_uuid is None:
        return None
    asked = set(guid_readings(request.client_uuid))
    fitting = [name for name, guid in guids.items() if asked & set(guid_readings(guid))]
    return fitting[0] if len(fitting) == 1 else None
