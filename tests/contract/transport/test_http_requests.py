"""Requests: one deadline closes the socket, nothing is sent twice, no redirect leads elsewhere, the environment is not obeyed."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from seedvm.transport.connection import Endpoint
from seedvm.transport.dial import connect
from seedvm.transport.errors import Fault, TransportError
from seedvm.transport.http import HttpClient
from tests.contract.transport.http_server import BODY, CHUNKED, PLAIN, Served, got, refused, serving, told


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
