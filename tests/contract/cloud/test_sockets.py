"""Bytes that a peer really received, asked of the kernel while a connection stands."""

from __future__ import annotations

import asyncio

from seedvm.controller.sockets import received


async def test_received_counts_what_the_peer_took() -> None:
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await received(port) == {}
    reader, mine = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(60):
        while not writers:
            await asyncio.sleep(0.01)
        writers[0].write(bytes(300_000))
        await writers[0].drain()
        await reader.readexactly(300_000)
        while (await received(port)).get("127.0.0.1", 0) < 300_000:
            await asyncio.sleep(0.05)
    assert (await received(port))["127.0.0.1"] == 300_000
    mine.close()
    writers[0].close()
    server.close()
