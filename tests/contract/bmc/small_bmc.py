"""A BMC of a few lines for what no emulator does: presence without sessions, and a login refused although the password is right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from seedvm.base import process
from seedvm.wire import rakp
from seedvm.wire.rmcp import ASF_IANA, ASF_PING, ASF_PONG, CLASS_ASF, rmcp, rmcp_class

PONG_BODY = struct.pack(">IIBB6x", ASF_IANA, 0, 0x81, 0)


@dataclass
class SmallBmc(asyncio.DatagramProtocol):
    """`sessions` off: presence alone is answered. A login ends with `status` in RAKP 4. `asked` counts what came by payload type."""

    password: bytes = b"right"
    sessions: bool = True
    status: int = 0x0D
    asked: dict[int, int] = field(default_factory=dict)
    logins: int = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if rmcp_class(data) == CLASS_ASF and data[8] == ASF_PING:
            head = struct.pack(">IBBBB", ASF_IANA, ASF_PONG, data[9], 0, len(PONG_BODY))
            self._transport.sendto(rmcp(CLASS_ASF, head + PONG_BODY), addr)
        elif self.sessions and data[4] == 0x06:
            kind, payload = rakp.parse_setup_packet(data)
            self.asked[kind] = self.asked.get(kind, 0) + 1
            answer = {0x10: self._open, 0x12: self._rakp2, 0x14: self._rakp4}[kind](payload)
            if answer:
                self._transport.sendto(rakp.setup_packet(kind + 1, answer), addr)

    def _open(self, payload: bytes) -> bytes:
        self._console = payload[4:8]
        return payload[:1] + b"\0\4\0" + self._console + b"\x01\x02\x03\x04" + payload[8:32]

    def _rakp2(self, payload: bytes) -> bytes:
        random, guid, user = os.urandom(16), bytes(16), payload[28 : 28 + payload[27]]
        signed = self._console + b"\x01\x02\x03\x04" + payload[8:24] + random + guid
        who = bytes((payload[24], len(user))) + user
        return payload[:1] + bytes(3) + self._console + random + guid + rakp.SUITE_17.hmac(self.password, signed + who)

    def _rakp4(self, payload: bytes) -> bytes:
        self.logins += payload[1] == 0
        return b"" if payload[1] else payload[:1] + bytes((self.status,)) + bytes(2) + self._console


@contextlib.asynccontextmanager
async def small_bmc(address: str, **settings: Any) -> AsyncIterator[SmallBmc]:
    """A small BMC at `address`, port 623."""
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    loop = asyncio.get_running_loop()
    transport, bmc = await loop.create_datagram_endpoint(lambda: SmallBmc(**settings), local_addr=(address, 623))
    try:
        yield bmc
    finally:
        transport.close()
