"""The sockets of a scan: unconnected UDP over IPv4 and IPv6, zones included. A packet goes to who listens for its source."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Iterable
from typing import cast

from seedvm.base import addresses as addr

NO_ROOM_SECONDS = 0.25
NO_ROOM_TRIES = 40

Origin = tuple[str, int] | tuple[str, int, int, int]


class Radio(asyncio.DatagramProtocol):
    """One socket per family; what comes from an address nobody listens for is dropped."""

    def __init__(self) -> None:
        self.transports: dict[int, asyncio.DatagramTransport] = {}
        self.listeners: dict[str, Callable[[bytes], None]] = {}
        self._no_room = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast(asyncio.DatagramTransport, transport)
        self.transports[6 if ":" in made.get_extra_info("sockname")[0] else 4] = made

    def datagram_received(self, data: bytes, addr_: Origin) -> None:
        with contextlib.suppress(OSError):  # the interface of the zone is gone
            if listener := self.listeners.get(addr.from_socket(addr_)):
                listener(data)

    def error_received(self, exc: Exception) -> None:
        """An unreachable port or host is silence to us; that our own kernel had no room is not."""
        self._no_room = getattr(exc, "errno", None) == errno.ENOBUFS

    async def send(self, packet: bytes, address: str, port: int) -> None:
        """Send one datagram; an address of a family or wire that is not there is silence.

        Where the kernel's table of neighbours is full (1,024 by default, shared by all namespaces) nothing has left: it is tried
        again for 10 s.
        """
        transport = self.transports.get(6 if ":" in address else 4)
        if transport is None:
            return
        for _ in range(NO_ROOM_TRIES):
            self._no_room = False
            with contextlib.suppress(OSError):
                transport.sendto(packet, addr.socket_address(address, port))
            if not self._no_room:
                return
            await asyncio.sleep(NO_ROOM_SECONDS)


@contextlib.asynccontextmanager
async def radio_for(addresses: Iterable[str]) -> AsyncIterator[Radio]:
    """Sockets for the families of these addresses."""
    radio = Radio()
    loop = asyncio.get_running_loop()
    try:
        for local in sorted({"::" if ":" in one else "0.0.0.0" for one in addresses}):
            await loop.create_datagram_endpoint(lambda: radio, local_addr=(local, 0))
        yield radio
    finally:
        for transport in radio.transports.values():
            transport.close()
