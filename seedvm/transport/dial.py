"""A TCP connection to an address, without HTTP and its library: a scan makes thousands that nobody accepts. Refuses names."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from seedvm.base import addresses as addr

TCP_INFO_BYTES, SEGMENTS_SENT = 144, 136  # tcpi_segs_out in struct tcp_info, linux/tcp.h

Dial: TypeAlias = Callable[[str, int], Awaitable[socket.socket]]
"""Makes a connected, non-blocking socket to an address and port, or raises OSError."""


async def connect(address: str, port: int) -> socket.socket:
    """The usual Dial."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, addr.socket_address(address, port))
    except BaseException:
        made.close()
        raise
    return made


def segments_sent(made: socket.socket) -> int:
    """How many TCP segments have left, acknowledgements among them; 0 where the kernel does not say, or the socket is closed."""
    with contextlib.suppress(OSError, struct.error):
        said = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        return int(struct.unpack_from("=I", said, SEGMENTS_SENT)[0])
    return 0
