"""One TCP connection to a BMC, with or without TLS, its certificate compared before a byte of a request leaves.

A server that refuses modern TLS is connected to once more with old TLS, to learn why; nothing is sent over that unless it is allowed.
Refuses names: a BMC is an address. Leaves no socket open, whatever ends it, and uses no thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest

from seedvm.foreign.certificate import certificate
from seedvm.transport import tls
from seedvm.transport.dial import Dial, segments_sent
from seedvm.transport.errors import Fault, OldTls, TransportError

MOST_HEADERS, MOST_HEADER = 512, 16 * 1024  # lines, bytes of one


@dataclass(frozen=True)
class Endpoint:
    """A service: address (IPv6 link-local with its zone) and port. `pin` is the certificate's "sha256:..." or None for any;
    `old_tls`: TLS too old for a password may be used."""

    address: str
    port: int
    tls: bool = True
    pin: str | None = None
    old_tls: bool = False


class Heard(ResponseHandler):
    """aiohttp's protocol, which notes whether a byte of an answer came, and how many TCP segments had left by then: afterwards the
    server may have closed the socket."""

    def __init__(self, made: socket.socket) -> None:
        super().__init__(asyncio.get_running_loop())
        self.heard = False
        self.made = made
        self._segments = 0

    @property
    def segments_sent(self) -> int:
        """Acknowledgements among them; 0 where the kernel does not say."""
        self._segments = max(self._segments, segments_sent(self.made))
        return self._segments

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._segments = segments_sent(self.made)
        super().data_received(data)


class _OneConnection(aiohttp.BaseConnector):
    """Hands the connection that was made to the session."""

    def __init__(self, protocol: Heard) -> None:
        super().__init__(limit=1, keepalive_timeout=None)
        self._made = protocol

    async def _create_connection(self, req: ClientRequest, traces: list[Any], timeout: Any) -> ResponseHandler:
        return self._made


class _NoCookies(aiohttp.DummyCookieJar):
    """Does not read them either: a cookie that cannot be read would be a line in the log."""

    def update_cookies_from_headers(self, headers: Any, response_url: Any) -> None:
        return


class Disconnected(Exception):
    """The connection ended. It is no ClientError: after one of those aiohttp sends GET and DELETE again by itself."""


async def _once(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Disconnected(str(error)) from error


class Connection:
    """A connection that is open. `der` is the server's certificate, `weakness` what is old about its TLS, "" where nothing is."""

    def __init__(self, transport: asyncio.Transport, protocol: Heard, weakness: str) -> None:
        self._transport = transport
        self.protocol = protocol
        self.weakness = weakness
        secured = transport.get_extra_info("ssl_object")
        self.der: bytes = (secured.getpeercert(binary_form=True) or b"") if secured is not None else b""
        self.session = aiohttp.ClientSession(
            connector=_OneConnection(protocol),
            cookie_jar=_NoCookies(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            max_line_size=MOST_HEADER,
            max_field_size=MOST_HEADER,
            max_headers=MOST_HEADERS,
            middlewares=(_once,),
        )

    @property
    def alive(self) -> bool:
        """Whether another request may follow."""
        return self.protocol.is_connected() and not self.protocol.should_close

    async def close(self) -> None:
        """Close the socket now, whatever the server does."""
        self._transport.abort()
        await self.session.close()
        await asyncio.sleep(0)  # the loop closes it in its next round


class Opener:
    """Makes the connections of one client; `stage` is what it is at, for who gives up waiting."""

    def __init__(self, endpoint: Endpoint, dial: Dial) -> None:
        self._endpoint = endpoint
        self._dial = dial
        self.stage = "connect"
        self.segments_sent = 0

    async def open(self) -> Connection:
        """Raises OldTls and TransportError."""
        if not self._endpoint.tls:
            return await self._made(None)
        try:
            return await self._checked(await self._made(tls.modern()))
        except (ssl.SSLError, ConnectionError, EOFError) as refusal:
            found = await self._older(refusal)
        if found.weakness and not self._endpoint.old_tls:
            self.segments_sent += found.protocol.segments_sent
            await found.close()
            raise OldTls(self._endpoint.address, found.weakness)
        return await self._checked(found)

    async def _older(self, refusal: OSError | EOFError) -> Connection:
        """A connection with old TLS and what is weak about it; with modern TLS where the refusal was a passing one."""
        error = refusal if isinstance(refusal, OSError) else ConnectionResetError(str(refusal))
        try:
            found = await self._made(tls.old(), error)
            if found.weakness:
                return found
            self.segments_sent += found.protocol.segments_sent
            await found.close()
            return await self._made(tls.modern())
        except (ssl.SSLError, ConnectionError, EOFError):
            raise self._no_tls(error) from None

    async def _made(self, context: ssl.SSLContext | None, refusal: OSError | None = None) -> Connection:
        """A connection; what the TLS handshake raises is passed on, what the TCP connection does is told."""
        self.stage = "connect"
        here = self._endpoint
        try:
            made = await self._dial(here.address, here.port)
        except OSError as error:
            raise _not_connected(here, error) from None
        self.stage = "TLS handshake"
        protocol = Heard(made)
        try:
            hostname = "" if context is not None else None  # none is sent: a BMC is an address
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: protocol, sock=made, ssl=context, server_hostname=hostname
            )
        except BaseException:
            self.segments_sent += segments_sent(made)
            made.close()
            raise
        self.stage = "answer"
        secured = transport.get_extra_info("ssl_object")
        weak = ""
        if refusal is not None and secured is not None:
            weak = tls.weakness(refusal, secured.version() or "", (secured.cipher() or ("?",))[0])
        return Connection(transport, protocol, weak)

    async def _checked(self, connection: Connection) -> Connection:
        """The connection, if its certificate is the one that was seen before."""
        seen = certificate(connection.der).fingerprint
        pin = self._endpoint.pin
        if pin and seen != pin:
            self.segments_sent += connection.protocol.segments_sent
            await connection.close()
            raise TransportError(
                "the certificate is not the one seen at discovery",
                Fault.OTHER_CERTIFICATE,
                machine=self._endpoint.address,
                why=f"{seen[:23]}... now, {pin[:23]}... then",
            )
        return connection

    def _no_tls(self, error: OSError) -> TransportError:
        if isinstance(error, ssl.SSLError):
            return TransportError("no TLS connection", Fault.TLS, machine=self._endpoint.address, why=tls.reason(error))
        why = "the connection was closed in the TLS handshake"
        return TransportError("no TLS connection", Fault.TLS_CLOSED, machine=self._endpoint.address, why=why)


def _not_connected(endpoint: Endpoint, error: OSError) -> TransportError:
    fault = Fault.SILENT if isinstance(error, TimeoutError) else Fault.REFUSED
    words = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    return TransportError("no connection", fault, machine=endpoint.address, why=f"port {endpoint.port}: {words}")
