"""Listens on a wire: machines that ask for an address, and DHCP servers that nobody declared.

Needs CAP_NET_RAW. Sends nothing but the one DHCPDISCOVER of `foreign_dhcp_servers`, which never asks for a lease.
Refuses to guess which machine a request is from: matching by UUID is done by `match_machine`, and only if it is certain.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from seedvm.errors import SeedvmError
from seedvm.wire import WireError
from seedvm.wire.dhcp import ACK, DISCOVER, OFFER, REQUEST, Dhcp, discover_frame, parse_frame
from seedvm.wire.rmcp import guid_readings

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4


@dataclass(frozen=True)
class DhcpServer:
    """A DHCP server that answered: the id it gives and the MAC it speaks from."""

    address: str
    mac: str


@contextlib.asynccontextmanager
async def tap(interface: str) -> AsyncIterator[tuple[socket.socket, asyncio.Queue[bytes]]]:
    """A raw socket on one interface and the frames that come in by it; frames over the queue's end are dropped."""
    try:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        raw.bind((interface, 0))
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
            frame, origin = raw.recvfrom(2048)
            if origin[2] != PACKET_OUTGOING:
                frames.put_nowait(frame)

    loop = asyncio.get_running_loop()
    loop.add_reader(raw, readable)
    try:
        yield raw, frames
    finally:
        loop.remove_reader(raw)
        raw.close()


async def sniff_dhcp(interface: str, *, until: Awaitable[object], on_request: Callable[[Dhcp], None]) -> None:
    """Hear every DHCP request on `interface` until `until` is done. The socket is open before `until` starts to run."""
    async with tap(interface) as (_, frames):
        ending = asyncio.ensure_future(until)

        async def hear() -> None:
            while True:
                with contextlib.suppress(WireError):
                    said = parse_frame(await frames.get())
                    if said.request and said.kind in (DISCOVER, REQUEST):
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
                with contextlib.suppress(WireError):
                    said = parse_frame(frame)
                    if not said.request and said.kind in (OFFER, ACK) and said.transaction == transaction:
                        who = said.server or "unknown"
                        found[who] = DhcpServer(who, ":".join(f"{byte:02x}" for byte in frame[6:12]))

        for share in (0.4, 0.6):
            try:
                raw.send(discover_frame(mac, transaction))
            except OSError as error:
                raise SeedvmError(
                    f"cannot send on {interface}",
                    why=error.strerror or str(error),
                    hint="is the cable in and the link up?",
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
