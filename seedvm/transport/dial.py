"""A TCP connection to an address, without HTTP and its library: a scan makes thousands that nobody accepts. Refuses names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from seedvm.base import addresses as addr

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
