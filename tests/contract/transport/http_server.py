"""A server on a real socket that answers any bytes, and one request to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from seedvm.transport.connection import Endpoint
from seedvm.transport.errors import TransportError
from seedvm.transport.http import HttpAnswer, HttpClient

BODY = b'{"Name": "one"}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY


@dataclass
class Served:
    """A server that answers the n-th request with the n-th of its answers, the last one for all that follow."""

    answers: Sequence[bytes]
    pause: float = 0.0  # between two pieces
    piece: int = 1 << 20
    end: str = "close"  # "keep", "reset", "hang"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open_now: set[asyncio.StreamWriter] = field(default_factory=set)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_now.add(writer)
        try:
            with contextlib.suppress(OSError, EOFError):
                await self._talk(reader, writer)
        finally:
            self.open_now.discard(writer)
            self.gone.set()
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(one[15:]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length:")), 0
            )
            self.requests.append(head + await reader.readexactly(length))
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            for at in range(0, len(answer), self.piece):
                writer.write(answer[at : at + self.piece])
                await writer.drain()
                if self.pause:
                    await asyncio.sleep(self.pause)
            if self.end == "hang":
                await reader.read()
            if self.end == "reset":
                made = writer.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            if self.end != "keep":
                return


@contextlib.asynccontextmanager
async def serving(*answers: bytes, **how: object) -> AsyncIterator[tuple[Served, HttpClient]]:
    served = Served(answers, **how)  # type: ignore[arg-type]
    server = await asyncio.start_server(served.connected, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    async with server, HttpClient(Endpoint("127.0.0.1", served.port, tls=False)) as client:
        yield served, client


async def got(answer: bytes, seconds: float = 5.0, **how: object) -> HttpAnswer:
    async with serving(answer, **how) as (_, client):
        return await client.request("GET", "/redfish/v1/", seconds=seconds)


async def refused(answer: bytes, seconds: float = 5.0, **how: object) -> TransportError:
    with pytest.raises(TransportError) as raised:
        await got(answer, seconds, **how)
    assert raised.value.machine == "127.0.0.1" and raised.value.why and raised.value.hint
    return raised.value


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def told(headers: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
