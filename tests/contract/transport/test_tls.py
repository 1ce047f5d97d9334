"""TLS as BMCs have it: what is too old for a password is told apart from what does not work, and nothing is sent before the certificate
is the right one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from seedvm.foreign.certificate import certificate
from seedvm.transport.connection import Endpoint
from seedvm.transport.errors import Fault, OldTls, TransportError
from seedvm.transport.http import HttpAnswer, HttpClient
from tests.datacenter.tls import Tls, serve

ANSWER = b"HTTP/1.0 200 OK\r\n\r\n{}"
OLD = {
    "TLS 1.0 only": Tls(version="1.0"),
    "TLS 1.1 only": Tls(version="1.1"),
    "no secure renegotiation (RFC 5746)": Tls(rfc5746=False),
}


class Server:
    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[bytes] = []

    def client(self, *, pin: str | None = None, old_tls: bool = False) -> HttpClient:
        return HttpClient(Endpoint("127.0.0.1", self.port, pin=pin, old_tls=old_tls))

    async def get(self, seconds: float = 20.0, **how: bool) -> tuple[HttpAnswer, HttpClient]:
        client = self.client(**how)
        return await client.request("GET", "/", headers={"X-Secret": "s3cr3t"}, seconds=seconds), client


@contextlib.asynccontextmanager
async def server(tls: Tls | None) -> AsyncIterator[Server]:
    found = Server(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            found.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    listening = await serve(connected, "127.0.0.1", 0, tls)
    found.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield found


@pytest.mark.parametrize("version", ["", "1.2", "1.3"])
async def test_modern_tls_is_used_and_its_certificate_kept(version: str) -> None:
    async with server(Tls(version=version)) as there:
        answer, client = await there.get()
    assert (answer.body, client.weakness) == (b"{}", "")
    assert certificate(client.certificate).subject


@pytest.mark.parametrize(("weakness", "tls"), OLD.items(), ids=OLD)
async def test_old_tls_is_named_and_gets_nothing_unless_it_is_allowed(weakness: str, tls: Tls) -> None:
    async with server(tls) as there:
        with pytest.raises(OldTls) as refused:
            await there.get()
        assert refused.value.weakness == weakness
        assert "bmc.allow_old_tls" in refused.value.hint and not refused.value.turned_away
        assert there.requests == []
        answer, client = await there.get(old_tls=True)
    assert (answer.body, client.weakness) == (b"{}", weakness)


@pytest.mark.parametrize("tls", [Tls(), Tls(version="1.0")], ids=["modern", "old"])
async def test_another_certificate_than_the_one_before_gets_nothing(tls: Tls) -> None:
    async with server(tls) as there:
        _, before = await there.get(old_tls=True)
        there.requests.clear()
        pin = certificate(before.certificate).fingerprint
        await there.client(pin=pin, old_tls=True).request("GET", "/", seconds=20)
        assert len(there.requests) == 1
        with pytest.raises(TransportError, match="not the one seen") as refused:
            await there.client(pin=f"sha256:{'0' * 64}", old_tls=True).request("GET", "/", seconds=20)
        assert refused.value.fault is Fault.OTHER_CERTIFICATE
        assert len(there.requests) == 1


async def test_a_handshake_that_drips_ends_at_the_deadline() -> None:
    async with server(Tls(drip=0.05)) as there:
        began = time.monotonic()
        with pytest.raises(TransportError, match="TLS handshake") as late:
            await there.get(seconds=1.0)
        assert time.monotonic() - began < 5
    assert late.value.fault is Fault.SILENT


async def test_a_port_without_tls_is_no_old_one() -> None:
    async with server(None) as there:
        with pytest.raises(TransportError) as refused:
            await asyncio.wait_for(there.get(seconds=2.0), 10)
    assert not isinstance(refused.value, OldTls)


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.close()


async def alerting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(bytes.fromhex("15030000020228"))
    writer.close()


@pytest.mark.parametrize(
    ("how", "fault"), [(closing, Fault.TLS_CLOSED), (alerting, Fault.TLS)], ids=["closed", "refused by an alert"]
)
async def test_a_handshake_that_is_closed_is_a_matter_of_the_connection_and_a_refused_one_is_not(
    how: type[object], fault: Fault
) -> None:
    listening = await asyncio.start_server(how, "127.0.0.1", 0)  # type: ignore[arg-type]
    async with listening:
        client = HttpClient(Endpoint("127.0.0.1", listening.sockets[0].getsockname()[1]))
        with pytest.raises(TransportError) as refused:
            await client.request("GET", "/", seconds=5)
    assert refused.value.fault is fault
    assert refused.value.turned_away == (fault is Fault.TLS_CLOSED)


async def test_a_certificate_that_nobody_can_decode_is_said() -> None:
    async with server(Tls(certificate="subject-not-utf8")) as there:
        with pytest.raises(TransportError, match="certificate cannot be decoded"):
            await there.get()
