"""Is a TCP port open? Nothing is sent on the connection, so a service that counts logins counts none."""

from __future__ import annotations

import asyncio
import socket


def tcp_open(address: str, port: int, *, seconds: float = 1.0) -> bool:
    """Whether a connection is accepted there within `seconds`; `address` is an IPv4 or IPv6 literal (with its zone), or a name."""
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return True
    except OSError:
        return False


async def connects(address: str, port: int, *, seconds: float = 1.0) -> bool:
    """`tcp_open` for asyncio; cancelling the task gives the connection up."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
