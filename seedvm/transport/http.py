"""HTTP requests to one BMC: one deadline each, bounded in everything that a server can make long, on a connection of its own.

Source: RFC 9110 and 9112, by aiohttp's parser (decision 28). Redirects are followed where they cannot lead anywhere else: 301,
302, 307, 308 for GET, 307 and 308 for what changes something, twice, on the same scheme, host and port. What changes something is never
sent twice, and has a connection of its own. No cookies, no proxies of the environment, no threads.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import yarl

from seedvm.base import addresses as addr
from seedvm.foreign.text import shown
from seedvm.foreign.url import Elsewhere, Origin
from seedvm.transport.body import TooLarge, Unreadable, decoded
from seedvm.transport.connection import Connection, Disconnected, Endpoint, Opener
from seedvm.transport.dial import Dial, connect
from seedvm.transport.errors import Fault, TransportError
from seedvm.transport.library_words import words_of

MOST_BYTES = 4 * 1024 * 1024
MOST_REDIRECTS = 2
FOLLOWED = {"GET": (301, 302, 307, 308)}
FOLLOWED_WITH_BODY = (307, 308)
SAFE = "/%:@!$&'()*+,;=~-._?"


@dataclass(frozen=True)
class HttpAnswer:
    """Status, headers by lower-case name (the first of several), body as it was meant, and the path that gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str


class HttpClient:
    """One server. Requests are made one at a time; `close` leaves nothing open.

    `certificate` is what the server showed (DER), `weakness` what is old about its TLS ("TLS 1.0 only"), "" where nothing is, and
    `segments_sent` what left over TCP for all connections that are closed.
    """

    def __init__(self, endpoint: Endpoint, *, dial: Dial = connect, most: int = MOST_BYTES) -> None:
        self.endpoint = endpoint
        self.origin = Origin("https" if endpoint.tls else "http", endpoint.address, endpoint.port)
        self.certificate = b""
        self.weakness = ""
        self._most = most
        self._opener = Opener(endpoint, dial)
        self._connection: Connection | None = None

    @property
    def segments_sent(self) -> int:
        return self._opener.segments_sent

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, frames: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection now, whatever the server does."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._opener.segments_sent += connection.protocol.segments_sent
            await connection.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float,
        keep: bool = False,
    ) -> HttpAnswer:
        """One request and its redirects within `seconds`; with `keep` the next GET uses the same connection. Raises TransportError."""
        wanted = {
            "Host": self._host,
            "Accept-Encoding": "identity",
            "Connection": "keep-alive" if keep else "close",
            **(headers or {}),
        }
        kept = False
        try:
            async with asyncio.timeout(seconds):
                answer = await self._followed(method, path, wanted, body)
            kept = keep and self._connection is not None and self._connection.alive
            return answer
        except TimeoutError:
            raise self._late(method, path, seconds) from None
        finally:
            if not kept:
                await self.close()

    @property
    def _host(self) -> str:
        usual = 443 if self.endpoint.tls else 80
        name = addr.in_header(self.endpoint.address)
        return name if self.endpoint.port == usual else f"{name}:{self.endpoint.port}"

    async def _followed(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._sent(method, path, headers, body)
            where = answer.headers.get("location")
            if answer.status not in FOLLOWED.get(method, FOLLOWED_WITH_BODY) or not where:
                return answer
            try:
                path = self.origin.path(where, base=path)
            except Elsewhere as error:
                raise self._error(
                    f"{method} {path} is redirected elsewhere", Fault.ELSEWHERE, f"HTTP {answer.status}: {error}"
                ) from None
        why = f"more than {MOST_REDIRECTS} redirects, the last one to {shown(path)}"
        raise self._error(f"{method} {path} is redirected without end", Fault.ELSEWHERE, why)

    async def _sent(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        if method == "GET" and self._connection is not None and self._connection.alive:
            try:
                return await self._exchange(self._connection, method, path, headers, body)
            except TransportError as error:
                if not error.turned_away:
                    raise  # else the server had closed it meanwhile, and a GET changes nothing
        await self.close()
        self._connection = await self._opener.open()
        self.certificate, self.weakness = self._connection.der, self._connection.weakness
        return await self._exchange(self._connection, method, path, headers, body)

    async def _exchange(
        self, here: Connection, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        here.protocol.heard = False
        target = urllib.parse.quote(path, safe=SAFE)
        url = yarl.URL(f"{self.origin.scheme}://{self._host}{target}", encoded=True)
        what = f"{method} {path}"
        try:
            async with here.session.request(method, url, headers=headers, data=body, allow_redirects=False) as said:
                raw = await self._read(said, what)
                names = {name.lower(): value for name, value in reversed(list(said.headers.items()))}
                return HttpAnswer(said.status, names, self._decoded(raw, names, what), path)
        except (Disconnected, aiohttp.ClientConnectionError) as error:
            if here.protocol.heard:
                raise self._error(f"the answer to {what} was cut off", Fault.CUT, words_of(error)) from None
            why = "the connection was closed before an answer"
            raise self._error(f"no answer to {what}", Fault.CLOSED, why) from None
        except aiohttp.ClientPayloadError as error:
            raise self._error(f"the answer to {what} was cut off", Fault.CUT, words_of(error)) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise self._error(f"the answer to {what} is not HTTP", Fault.NOT_HTTP, words_of(error)) from None

    async def _read(self, said: aiohttp.ClientResponse, what: str) -> bytes:
        data = bytearray()
        async for part in said.content.iter_any():
            data += part
            if len(data) > self._most:
                raise self._too_large(what)
        return bytes(data)

    def _decoded(self, raw: bytes, headers: Mapping[str, str], what: str) -> bytes:
        try:
            return decoded(raw, headers.get("content-encoding", ""), self._most)
        except TooLarge:
            raise self._too_large(what) from None
        except Unreadable as error:
            raise self._error(f"the answer to {what} cannot be decoded", Fault.CUT, str(error)) from None

    def _too_large(self, what: str) -> TransportError:
        why = f"more than {self._most // 1024} KiB"
        return self._error(f"the answer to {what} is too large", Fault.TOO_LARGE, why)

    def _late(self, method: str, path: str, seconds: float) -> TransportError:
        """What it was that took too long."""
        here, what = self._connection, f"{method} {path}"
        if here is not None and here.protocol.heard:
            return self._error(f"the answer to {what} has no end", Fault.SLOW, f"not complete within {seconds:.0f} s")
        stage = "answer" if here is not None else self._opener.stage
        missing = {"connect": "no connection", "TLS handshake": "no end of the TLS handshake"}.get(stage, "no answer")
        return self._error(f"no answer to {what}", Fault.SILENT, f"{missing} within {seconds:.0f} s")

    def _error(self, what: str, fault: Fault, why: str) -> TransportError:
        return TransportError(what, fault, machine=self.endpoint.address, why=why)
