"""Answers of old and broken servers: odd ones are read, broken ones are named for what they are."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import zlib

import pytest

from seedvm.transport.connection import Endpoint
from seedvm.transport.errors import Fault, TransportError
from seedvm.transport.http import HttpClient
from tests.contract.transport.http_server import BODY, CHUNKED, PLAIN, got, refused, told

MANY = b"".join(b"X-Feature-%d: yes\r\n" % number for number in range(110))
RAW_DEFLATE = zlib.compressobj(wbits=-15)
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
    assert not re.search(r"<\w|Error|message=|\bb['\"]", error.why), "an operator reads no names of a library's classes"


async def test_a_server_that_closes_with_a_reset_before_an_answer_turned_us_away() -> None:
    assert (await refused(b"", end="reset")).turned_away


async def test_a_port_where_nobody_listens_turned_us_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError, match="Connection refused") as raised:
        await HttpClient(Endpoint("127.0.0.1", port, tls=False)).request("GET", "/", seconds=5)
    assert raised.value.fault is Fault.REFUSED


async def test_the_log_is_not_a_way_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for answer in (ODD["cookies that nobody can read"], BROKEN["another protocol"][0]):
        with contextlib.suppress(TransportError):
            await got(answer)
    assert capfd.readouterr() == ("", "")
