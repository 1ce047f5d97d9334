"""Servers for the client to ask: lists in pages as each service cuts them, and one that sends exactly these bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.cloud.connection import Cloud, CloudAccess
from tests.contract.cloud.cloud_http import VIP, Answer, Service

PASSWORD = Secret("swordfish")
MEMBER = "172.22.0.11"


def our_cloud() -> Cloud:
    return Cloud(CloudAccess(VIP, PASSWORD))


def paged(items: list[dict[str, Any]], key: str, size: int, link: str) -> Service:
    """A list as that service cuts it; its links name the VIP, whoever is asked."""

    def answer(_: str, path: str, __: Any) -> Answer:
        asked, _, query = path.partition("?")
        first = int(dict(part.split("=") for part in query.split("&") if part).get("marker", 0))
        more = f"http://192.0.2.99:1{asked}?marker={first + size}" if first + size < len(items) else None
        links: dict[str, Any] = {"next": {"next": more}, "links": {"links": {"next": more, "self": "x"}}}.get(link, {})
        if link.endswith("_links") and more:
            links = {link: [{"rel": "previous", "href": "x"}, {"rel": "next", "href": more}]}
        return 200, {key: items[first : first + size], **links}

    return answer


@contextlib.contextmanager
def raw(port: int, *says: bytes, address: str = VIP) -> Iterator[list[bytes]]:
    """A server that says exactly these bytes, one for each connection, and is silent when it has said them all."""
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    heard: list[bytes] = []
    held: list[socket.socket] = []
    server = socket.create_server((address, port))

    def serve() -> None:
        words = iter(says)
        with contextlib.suppress(OSError):
            while True:
                peer, _ = server.accept()
                heard.append(peer.recv(65536))
                said = next(words, None)
                if said is None:
                    held.append(peer)
                else:
                    peer.sendall(said)
                    peer.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield heard
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for peer in held:
            peer.close()


def http(status: str, body: str, kind: str = "application/json", length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return (head + body).encode()
