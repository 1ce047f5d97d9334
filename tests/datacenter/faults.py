"""The UDP port of a host with what a bad wire does to it: loss, duplicates, reordering, late and malformed answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import cast

from tests.datacenter.model import Host
from tests.datacenter.record import Record

HELD_BACK_SECONDS = 0.15  # an answer that comes after the next one
Answer = Callable[[bytes, str], list[bytes]]


class UdpPort(asyncio.DatagramProtocol):
    """`lost` hears of each packet that the wire swallowed."""

    def __init__(self, host: Host, record: Record, answer: Answer, lost: Callable[[bytes], None]) -> None:
        self._host = host
        self._record = record
        self._answer = answer
        self._lost = lost
        self._dice = random.Random(host.address)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._dice.random() < self._host.loss:
            self._record.lost.append("question")
            self._lost(data)
            return
        for _ in range(2 if self._dice.random() < self._host.duplicate else 1):
            for reply in self._answer(data, addr[0].partition("%")[0]):
                self._reply(malformed(self._host.ipmi_bad, data, reply), addr)

    def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._dice.random() < self._host.loss:
            self._record.lost.append("answer")
            self._lost(data)
            return
        wait = self._dice.uniform(0, self._host.late)
        if self._dice.random() < self._host.reorder:
            wait += HELD_BACK_SECONDS
        for _ in range(2 if self._dice.random() < self._host.duplicate else 1):
            if wait:
                asyncio.get_running_loop().call_later(wait, self._send, data, addr)
            else:
                self._send(data, addr)

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(data, addr)


def malformed(kind: str, question: bytes, reply: bytes) -> bytes:
    """A reply as a broken firmware gives it; presence pongs stay whole, or nobody would ask on."""
    if not kind or reply[3:4] == b"\x06":
        return reply
    if kind == "truncated":
        return reply[: len(reply) // 2]
    if kind == "garbage":
        return random.Random(reply).randbytes(200)
    if kind == "huge":
        return reply + bytes(9000)
    if kind == "checksum":
        return reply[:-1] + bytes((reply[-1] ^ 0x55,))
    if kind == "echo":
        return question
    raise ValueError(kind)
