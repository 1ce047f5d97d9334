"""HTTP as BMCs speak it, byte by byte over a real socket: what is odd is read, what is broken is named, and nothing holds us up."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from seedvm.transport.connection import Endpoint
from seedvm.transport.dial import connect
from seedvm.transport.errors import Fault, TransportError
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
MANY = b"".join(b"X-Feature-%d: yes\r\n" % number for number in range(110))
RAW_DEFLATE = zlib.compressobj(wbits=-15)


def told(headers: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


ODD = {
    "HTTP/1.0 until the connection ends": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY,
    "no reason phrase": b"HTTP/1.1 200\r\nContent-Length: 15\r\n\r\n" + BODY,
    "an empty reason phrase": b"HTTP/1.1 200 \r\nContent-Length: 15\r\n\r\n" + BODY,
    "100 Continue first": b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
    "several 100 Continue first": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + PLAIN,
    "110 header lines": told(MANY, BODY),
    "a header line of 10 kB": told(b"X-Long: " + b"y" * 10_000 + b"\r\n", BODY),
    "a folded header": told(b"Server: one\r\n two\r\n", BODY),
    "a header that is not ASCII": told(b"Server: \xe9\xff\r\n", BODY),
    "the same header twice": told(b"Server: one\r\nServer: two\r\n", BODY),
    "cookies that nobody can read": told(b"Set-Cookie: \x01=;;;=\r\nSet-Cookie: a b c\r\n", BODY),
    "lines that end in LF alone": PLAIN.replace(b"\r\n", b"\n"),
    "chunks": CHUNKED + b"5\r\n" + BODY[:5] + b"\r\na;note=1\r\n" + BODY[5:] + b"\r\n0\r\n\r\n",
    "chunks with a trailer": CHUNKED + b"f\r\n" + BODY + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
    "a space after the chunk's size": CHUNKED + b"f  \r\n" + BODY + b"\r\n0\r\n\r\n",
    "gzip": told(b"Content-Encoding: gzip\r\n", gzip.compress(BODY)),
    "x-gzip": told(b"Content-Encoding: x-gzip\r\n", gzip.compress(BODY)),
    "deflate": told(b"Content-Encoding: deflate\r\n", zlib.compress(BODY)),
    "deflate without zlib's frame": told(
        b"Content-Encoding: deflate\r\n", RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()
    ),
    "gzip that is none": told(b"Content-Encoding: gzip\r\n", BODY),
    "an empty line after the body": PLAIN + b"\r\n",
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_an_odd_answer_is_read(answer: bytes) -> None:
    said = await got(answer)
    assert (said.status, said.body) == (200, BODY)


@pytest.mark.parametrize("end", ["close", "reset", "hang"])
async def test_an_answer_without_a_body_has_none(end: str) -> None:
    assert (await got(b"HTTP/1.1 204 No Content\r\n\r\n", end=end)).body == b""


BROKEN: dict[str, tuple[bytes, Fault]] = {
    "cut in the body": (PLAIN[:-3], Fault.CUT),
    "cut in a chunk": (CHUNKED + b"ff\r\n" + BODY, Fault.CUT),
    "cut in the header": (PLAIN[:25], Fault.CUT),
    "cut in gzip": (told(b"Content-Encoding: gzip\r\n", gzip.compress(BODY)[:-9]), Fault.CUT),
    "no bytes": (b"", Fault.CLOSED),
    "another protocol": (b"220 mail.example ESMTP\r\n", Fault.NOT_HTTP),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", Fault.NOT_HTTP),
    "a chunk without a size": (CHUNKED + b"zz\r\n" + BODY, Fault.NOT_HTTP),
    "a negative length": (PLAIN.replace(b"15", b"-5"), Fault.NOT_HTTP),
    "a length that is no number": (PLAIN.replace(b"15", b"many"), Fault.NOT_HTTP),
    "a space before the colon": (told(b"Server : one\r\n", BODY), Fault.NOT_HTTP),
    "bytes after the announced length": (PLAIN + b"more", Fault.NOT_HTTP),
    "headers without end": (told(b"".join(b"X-%d: y\r\n" % n for n in range(5000)), BODY), Fault.NOT_HTTP),
    "a header of a megabyte": (told(b"X: " + b"y" * (1 << 20) + b"\r\n", BODY), Fault.NOT_HTTP),
    "more than 4 MiB": (told(b"", b"x" * ((4 << 20) + 1)), Fault.TOO_LARGE),
    "gzip of 64 MiB": (told(b"Content-Encoding: gzip\r\n", gzip.compress(bytes(64 << 20))), Fault.TOO_LARGE),
    "an encoding that nobody asked for": (told(b"Content-Encoding: br\r\n", b"\x0b\x02\x80"), Fault.CUT),
}


@pytest.mark.parametrize(("answer", "fault"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_is_named_for_what_it_is(answer: bytes, fault: Fault) -> None:
    error = await refused(answer)
    assert error.fault is fault, error
    assert error.turned_away == (fault is Fault.CLOSED)


async def test_a_server_that_closes_with_a_reset_before_an_answer_turned_us_away() -> None:
    assert (await refused(b"", end="reset")).turned_away


async def test_a_port_where_nobody_listens_turned_us_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError, match="Connection refused") as raised:
        await HttpClient(Endpoint("127.0.0.1", port, tls=False)).request("GET", "/", seconds=5)
    assert raised.value.fault is Fault.REFUSED


@pytest.mark.parametrize(
    ("answer", "fault"),
    [(b"", Fault.SILENT), (PLAIN[:30], Fault.SLOW), (PLAIN[:-5], Fault.SLOW)],
    ids=["silent", "in the header", "in the body"],
)
async def test_a_server_that_does_not_end_is_left_at_the_deadline_and_its_socket_closed(
    answer: bytes, fault: Fault
) -> None:
    async with serving(answer, end="hang") as (served, client):
        began = time.monotonic()
        with pytest.raises(TransportError) as raised:
            await client.request("GET", "/", seconds=0.5)
        assert 0.4 < time.monotonic() - began < 3
        async with asyncio.timeout(5):
            await served.gone.wait()
    assert raised.value.fault is fault


async def test_an_endless_drip_ends_at_the_one_deadline() -> None:
    async with serving(told(b"", b" " * 1000), piece=1, pause=0.02) as (served, client):
        began = time.monotonic()
        with pytest.raises(TransportError, match="no end"):
            await client.request("GET", "/", seconds=0.7)
        assert time.monotonic() - began < 3
        async with asyncio.timeout(5):
            await served.gone.wait()


async def test_a_long_answer_in_small_chunks_costs_little() -> None:
    body = b'{"Members": [' + b'"/redfish/v1/Chassis/1/Sensors/123456789",' * 6000 + b'"x"]}'
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    answer = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    began = time.process_time()
    assert (await got(answer, seconds=20)).body == body
    assert time.process_time() - began < 5


async def test_a_session_uses_one_connection_and_notices_when_it_was_closed() -> None:
    async with serving(PLAIN, end="keep") as (served, client):
        for _ in range(3):
            await client.request("GET", "/", seconds=5, keep=True)
        assert served.connections == 1
    closing = PLAIN.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    async with serving(closing, end="keep") as (served, client):
        for _ in range(3):
            await client.request("GET", "/", seconds=5, keep=True)
        assert served.connections == 3
    async with serving(PLAIN) as (served, client):  # closes without a word
        for _ in range(3):
            await client.request("GET", "/", seconds=5, keep=True)
        assert len(served.requests) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_what_changes_something_is_never_sent_twice(method: str, end: str) -> None:
    async with serving(b"", end=end) as (served, client):
        with pytest.raises(TransportError):
            await client.request(method, "/", body=b"{}", seconds=5)
        assert len(served.requests) == 1
    async with serving(PLAIN, b"", end="keep") as (served, client):
        await client.request("GET", "/", seconds=5, keep=True)
        with pytest.raises(TransportError):
            await client.request(method, "/", body=b"{}", seconds=0.5, keep=True)
        assert (len(served.requests), served.connections) == (2, 2)


def moved(status: int, to: str) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_get_follows_redirects_to_the_same_server(status: int) -> None:
    async with serving(moved(status, "/a/?x=1"), moved(status, "../b"), PLAIN) as (served, client):
        said = await client.request("GET", "/redfish", seconds=5)
    assert (said.status, said.path) == (200, "/b")
    assert [one.split(b" ")[1] for one in served.requests] == [b"/redfish", b"/a/?x=1", b"/b"]


@pytest.mark.parametrize(("status", "final"), [(301, 301), (302, 302), (303, 303), (307, 200), (308, 200)])
async def test_what_changes_something_follows_only_redirects_that_keep_the_method(status: int, final: int) -> None:
    async with serving(moved(status, "/b"), PLAIN) as (served, client):
        said = await client.request("POST", "/a", body=b'{"a": 1}', seconds=5)
    assert said.status == final
    if final == 200:
        assert served.requests[1].startswith(b"POST /b ") and served.requests[1].endswith(b'{"a": 1}')


@pytest.mark.parametrize(
    "to",
    [
        "http://192.0.2.1/redfish/v1",
        "https://127.0.0.1/redfish/v1",
        "//192.0.2.1/",
        "http://127.0.0.1:8080/",
        "http://[",
    ],
)
async def test_a_redirect_that_leads_elsewhere_is_not_followed_and_named(to: str) -> None:
    error = await refused(moved(301, to))
    assert error.fault is Fault.ELSEWHERE and "HTTP 301" in error.why


async def test_a_redirect_in_a_circle_ends() -> None:
    async with serving(moved(308, "/again")) as (served, client):
        with pytest.raises(TransportError, match="without end"):
            await client.request("GET", "/", seconds=5)
        assert len(served.requests) == 3


async def test_a_redirect_to_the_server_by_its_full_address_is_followed() -> None:
    server = Served([b""])
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.answers = [moved(301, f"http://127.0.0.1:{port}/redfish/v1/"), PLAIN]
    async with listening, HttpClient(Endpoint("127.0.0.1", port, tls=False)) as client:
        assert (await client.request("GET", "/redfish/v1", seconds=5)).path == "/redfish/v1/"


@pytest.mark.parametrize("path", ["/redfish/v1/Systems/Sÿstem ä", "/a b\r\nX-Evil: 1", "/a#b"])
async def test_no_path_can_change_the_request(path: str) -> None:
    async with serving(PLAIN) as (served, client):
        await client.request("GET", path, seconds=5)
    head = served.requests[0]
    assert head.isascii() and head.split(b"\r\n")[0].count(b" ") == 2
    assert b"X-Evil: 1" not in head.split(b"\r\n")


async def test_the_environments_proxies_and_cookies_are_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    cookie = told(b"Set-Cookie: session=1; Path=/\r\n", BODY)
    async with serving(cookie, end="keep") as (served, client):
        for _ in range(2):
            assert (await client.request("GET", "/", seconds=5, keep=True)).status == 200
    assert b"cookie" not in served.requests[1].lower()


async def test_no_thread_is_started() -> None:
    before = threading.active_count()
    async with serving(PLAIN) as (_, client):
        await client.request("GET", "/", seconds=5)
        assert threading.active_count() == before


async def test_the_segments_that_left_are_counted() -> None:
    async with serving(PLAIN) as (_, client):
        await client.request("GET", "/", seconds=5)
        assert 3 <= client.segments_sent <= 12


async def test_the_socket_may_be_made_by_the_caller() -> None:
    made: list[socket.socket] = []

    async def dial(address: str, port: int) -> socket.socket:
        made.append(await connect(address, port))
        return made[0]

    async with serving(PLAIN) as (served, _):
        client = HttpClient(Endpoint("127.0.0.1", served.port, tls=False), dial=dial)
        assert (await client.request("GET", "/", seconds=5)).status == 200
        assert made[0].fileno() == -1


async def test_the_log_is_not_a_way_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for answer in (ODD["cookies that nobody can read"], BROKEN["another protocol"][0]):
        with contextlib.suppress(TransportError):
            await got(answer)
    assert capfd.readouterr() == ("", "")
