"""What sits in a BMC network and is no BMC: web servers, an SSH port on 443, a tar pit, a printer, an echo, a noisy thing.

Each notes what would be a credential: an Authorization header, a session's POST, a RAKP or Activate Session packet.
"""

from __future__ import annotations

import asyncio
import random

from tests.datacenter.http import answer, read_request
from tests.datacenter.model import Host
from tests.datacenter.record import Record

TLS = ("web", "json-web", "json-error", "tarpit")
TCP = (*TLS, "ssh", "silent-tcp", "printer")
UDP = ("echo", "asf-only", "noise")
ERROR = {
    "error": {"code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED"}
}


class Stranger:
    def __init__(self, host: Host, record: Record) -> None:
        self._kind = host.stranger
        self._record = record
        self._dice = random.Random(host.address)

    def datagram(self, packet: bytes, source: str) -> list[bytes]:
        """UDP 623: the echo service, a management chip with ASF but without IPMI, and something that answers with noise."""
        session = len(packet) > 5 and packet[3:4] == b"\x07" and (packet[4] == 0x06 or packet[4:5] != b"\x00")
        asks_for_session = len(packet) > 20 and packet[3:5] == b"\x07\x00" and packet[19] in (0x39, 0x3A)
        if session or asks_for_session:
            self._record.login("ipmi", "?", "received")
        self._record.saw("datagram")
        if self._kind == "echo":
            return [packet]
        if self._kind == "noise":
            return [self._dice.randbytes(self._dice.randrange(1, 1400)) for _ in range(3)]
        if packet[3:4] == b"\x06" and len(packet) >= 12:
            return [
                b"\x06\x00\xff\x06\x00\x00\x11\xbe\x40"
                + packet[9:10]
                + b"\x00\x10"
                + b"\x00\x00\x01\x57"
                + bytes(4)
                + b"\x01"
                + bytes(7)
            ]
        return []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """TCP 443 or 80."""
        self._record.connections += 1
        try:
            if self._kind == "ssh":
                writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
                await writer.drain()
            if self._kind in ("ssh", "silent-tcp"):
                await reader.read()
                return
            while (request := await read_request(reader)) is not None:
                self._record.saw(f"{request.method} {request.path}")
                if "authorization" in request.headers or request.method == "POST":
                    self._record.login("http", (request.basic or ("?", ""))[0], "received")
                await self._web(writer)
                return
        except (OSError, EOFError):
            return
        finally:
            writer.close()

    async def _web(self, writer: asyncio.StreamWriter) -> None:
        if self._kind == "tarpit":  # a header that never ends
            writer.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(10_000):
                writer.write(f"X-Header-{number}: y\r\n".encode())
                await writer.drain()
                await asyncio.sleep(0.05)
            return
        said = {
            "web": lambda: answer(200, b"<html><title>wiki</title></html>"),
            "json-web": lambda: answer(200, {"status": "ok", "path": "/redfish/v1/"}),
            "json-error": lambda: answer(401, ERROR),
            "printer": lambda: answer(200, b"<html><title>LaserJet</title></html>"),
        }
        writer.write(said[self._kind]().raw)
        await writer.drain()
