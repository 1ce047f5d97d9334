"""Asking a port: open, closed, silent, and given up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from seedvm.base.tcp import connects, tcp_open

HERE = "127.0.0.1"


async def test_a_port_is_open_while_somebody_listens() -> None:
    with socket.create_server((HERE, 0)) as server:
        port = server.getsockname()[1]
        assert await connects(HERE, port, seconds=60)
        assert await asyncio.to_thread(tcp_open, HERE, port, seconds=60)
    assert not await connects(HERE, port, seconds=60)
    assert not tcp_open(HERE, port, seconds=60)


async def test_a_port_that_says_nothing_is_not_open() -> None:
    with silent() as port:
        assert not await connects(HERE, port, seconds=0.2)
        assert not tcp_open(HERE, port, seconds=0.2)


async def test_a_question_can_be_given_up() -> None:
    with silent() as port:
        asking = asyncio.create_task(connects(HERE, port, seconds=600))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_name_that_is_no_address_is_not_open() -> None:
    assert not await connects("fe80::1%nowhere0", 22, seconds=60)
    assert not tcp_open("fe80::1%nowhere0", 22, seconds=60)


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that drops connections: its queue is full and nobody accepts (listen(2), backlog)."""
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind((HERE, 0))
        server.listen(0)
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]
