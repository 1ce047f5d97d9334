"""Fetching as network boot firmware does: TFTP (RFC 1350, block size by RFC 2348) and HTTP, to a file.

It refuses anything but http and tftp, and a server that stops in the middle.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from seedvm.base.errors import SeedvmError

_CHUNK = 1 << 20
_SILENCE = 10.0
_BLOCK = 1428


@dataclass(frozen=True)
class Fetched:
    """What came: how many bytes, and their SHA-256."""

    url: str
    bytes: int
    sha256: str


def fetch(url: str, target: Path, *, timeout: float = 300) -> Fetched:
    """Fetch a URL into a file within `timeout` seconds; SeedvmError says what the server said."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "tftp") or not parts.hostname:
        raise _refused(url, "only http:// and tftp:// are supported")
    digest = hashlib.sha256()
    deadline = time.monotonic() + timeout
    with target.open("wb") as file:
        sink = _Sink(file, digest, url, deadline)
        try:
            if parts.scheme == "http":
                _http(parts.hostname, parts.port or 80, parts.path + (f"?{parts.query}" if parts.query else ""), sink)
            else:
                _tftp(parts.hostname, parts.port or 69, unquote(parts.path).lstrip("/"), sink)
        except (OSError, http.client.HTTPException) as error:
            raise _refused(url, str(error) or type(error).__name__) from error
    return Fetched(url, sink.count, digest.hexdigest())


class _Sink:
    """Counts, hashes and writes; watches the deadline."""

    def __init__(self, file: BinaryIO, digest: hashlib._Hash, url: str, deadline: float) -> None:
        self.count = 0
        self.url = url
        self._file = file
        self._digest = digest
        self._deadline = deadline

    def add(self, data: bytes) -> None:
        if time.monotonic() > self._deadline:
            raise _refused(self.url, "it took too long")
        self.count += len(data)
        self._digest.update(data)
        self._file.write(data)


def _http(host: str, port: int, path: str, sink: _Sink) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=_SILENCE)
    try:
        connection.request("GET", path or "/", headers={"User-Agent": "iPXE/1.21.1"})
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise _refused(sink.url, f"{response.status} {response.reason}")
        while data := response.read(_CHUNK):
            sink.add(data)
        if response.length:
            raise _refused(sink.url, f"{response.length} bytes are missing")
    finally:
        connection.close()


def _tftp(host: str, port: int, path: str, sink: _Sink) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(2)
        request = struct.pack("!H", 1) + path.encode() + b"\0octet\0blksize\0" + str(_BLOCK).encode() + b"\0"
        packet, peer = _exchange(wire, request, (host, port), None, 0)
        block, size = 0, 512
        while True:
            opcode = struct.unpack_from("!H", packet)[0]
            if opcode == 5:
                raise _refused(sink.url, packet[4:].split(b"\0")[0].decode(errors="replace"))
            if opcode == 6:
                size = _BLOCK if b"blksize" in packet.lower() else size
            else:
                block += 1
                sink.add(packet[4:])
                if len(packet) - 4 < size:
                    wire.sendto(struct.pack("!HH", 4, block & 0xFFFF), peer)
                    return
            packet, peer = _exchange(wire, struct.pack("!HH", 4, block & 0xFFFF), peer, peer, block + 1)


def _exchange(
    wire: socket.socket, request: bytes, to: tuple[str, int], peer: tuple[str, int] | None, block: int
) -> tuple[bytes, tuple[str, int]]:
    """Send and wait for the block that follows, repeated on silence. A server answers from a port of its own."""
    for _ in range(5):
        wire.sendto(request, to)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            try:
                packet, sender = wire.recvfrom(65536)
            except TimeoutError:
                break
            opcode, number = struct.unpack_from("!HH", packet)
            ours = sender == peer if peer else sender[0] == to[0]
            if ours and (opcode in (5, 6) or (opcode == 3 and number == (block or 1) & 0xFFFF)):
                return packet, sender
    raise TimeoutError("the TFTP server does not answer")


def _refused(url: str, why: str) -> SeedvmError:
    return SeedvmError(f"could not fetch {url}", why=why, hint="check the boot server's log")
