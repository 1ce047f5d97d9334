"""TLS on the server's side by hand: asyncio's own drops the alert with which a handshake fails, and knows one kind of TLS only."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, Protocol

PIECE = 65536


class Refused(Exception):
    """No handshake came about."""


class Seals(Protocol):
    def data(self, data: bytes) -> bytes:
        """These bytes as they go to the wire."""

    def farewell(self) -> bytes:
        """What says that nothing more comes."""


class Transport(asyncio.Transport):
    """The sealed side of a connection as asyncio knows it."""

    def __init__(self, raw: asyncio.StreamWriter, seals: Seals) -> None:
        super().__init__()
        self._raw, self._seals = raw, seals
        self.pump: asyncio.Task[None] | None = None  # held as long as the connection

    def write(self, data: Any) -> None:
        self._raw.write(self._seals.data(bytes(data)))

    def close(self) -> None:
        if not self._raw.is_closing():
            self._raw.write(self._seals.farewell())
        self._raw.close()

    def abort(self) -> None:
        self._raw.transport.abort()

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._raw.get_extra_info(name, default)


def streams(
    raw: asyncio.StreamWriter, seals: Seals, said: AsyncIterator[bytes]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The inside of a TLS connection as a pair of asyncio's streams; `said` are the client's bytes in clear."""
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    transport = Transport(raw, seals)

    async def pump() -> None:
        with contextlib.suppress(OSError, EOFError):
            async for data in said:
                reader.feed_data(data)
        reader.feed_eof()

    transport.pump = loop.create_task(pump())
    return reader, asyncio.StreamWriter(transport, raw.transport.get_protocol(), reader, loop)


class OpenSsl:
    """OpenSSL's own TLS over asyncio's streams: an alert goes out before the connection ends."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    async def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises Refused, OSError, EOFError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(self._out.read())
                await self._more(reader)
            except ssl.SSLError as error:
                writer.write(self._out.read())
                raise Refused(str(error)) from None
            else:
                writer.write(self._out.read())
                return streams(writer, self, self._said(reader))

    async def _more(self, reader: asyncio.StreamReader) -> None:
        data = await reader.read(PIECE)
        if not data:
            raise EOFError
        self._in.write(data)

    async def _said(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while True:
            try:
                data = self._tls.read(PIECE)
            except ssl.SSLWantReadError:
                await self._more(reader)
                continue
            except ssl.SSLError:
                return
            if not data:
                return
            yield data

    def data(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._out.read()

    def farewell(self) -> bytes:
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._out.read()
