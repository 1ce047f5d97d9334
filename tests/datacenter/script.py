"""What a Redfish service does otherwise than the plain one: a reply for each path, laid over the answer of the plain tree.

Reply() changes nothing. A Rule is one Reply, several with the second from which each holds (counted from the first request for that
path), or a function of the request that returns a Reply or None. A Script's keys are "GET /redfish/v1/Systems/1" (a method),
"/redfish/v1/Systems/1" (every method) or "*" (every path); the first that is there holds. A slash at the end makes no difference.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.datacenter.http import Answer, Request

SESSIONS = "/redfish/v1/SessionService/Sessions"
Transform = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Reply:
    """How one answer differs.

    `first`: given before the credentials are looked at; otherwise only to who may have the plain answer (a wrong password gets its 401).
    `body`: JSON, bytes as they are, or a function of the plain answer's bytes. `fields` are laid over the plain answer's JSON;
    a field that is ... is taken out. `headers` are added as lines (name, value), `without` names of the plain answer's that are left out.
    `encode` compresses with gzip and says so. `chunks`: Transfer-Encoding in pieces of so many bytes. `drip`: so many bytes every so
    many seconds. `cut`: the connection ends after so many bytes of the body, though more were announced. `end`: "close" after the
    answer, "reset", "silence" (nothing is answered and the connection is held), "drop" (closed without a byte). `wait`: seconds before
    the first byte. `raw` goes to the wire instead of anything else.
    """

    status: int | None = None
    body: object = None
    fields: Mapping[str, object] = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()
    without: Sequence[str] = ()
    first: bool = False
    encode: bool = False
    chunks: int = 0
    drip: tuple[int, float] | None = None
    cut: int | None = None
    end: str = "close"
    wait: float = 0.0
    raw: bytes | None = None

    def over(self, plain: Answer) -> Answer:
        """The plain answer with what differs."""
        status = plain.status if self.status is None else self.status
        body = self.content(plain)
        if self.fields:
            tree = _tree(plain.body) | dict(self.fields)
            body = json.dumps({name: value for name, value in tree.items() if value is not ...}).encode()
            status = 200 if self.status is None and status == 404 else status
        gone = {name.lower() for name in self.without}
        headers = [one for one in plain.headers if one[0].lower() not in gone] + list(self.headers)
        if self.encode:
            body, headers = gzip.compress(body), [*headers, ("Content-Encoding", "gzip")]
        return Answer(status, body, tuple(headers))

    def content(self, plain: Answer) -> bytes:
        if self.body is None:
            return plain.body
        if callable(self.body):
            made: bytes = self.body(plain.body)
            return made
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Rule = Reply | Sequence[tuple[float, Reply]] | Callable[[Request], Reply | None]


def redirect(to: str, status: int = 308) -> Reply:
    return Reply(status, b"", headers=(("Location", to),), first=True)


def slash_required(request: Request) -> Reply | None:
    """As services that know a resource only with a slash at its end."""
    path, mark, query = request.path.partition("?")
    return None if path.endswith("/") else redirect(f"{path}/{mark}{query}")


@dataclass
class Script:
    """`replies` as the module says; `moved`: paths of the plain tree that this service has elsewhere, in every link, target and request.
    `keep`: connections stay open for further requests, as HTTP/1.1 has it."""

    replies: Mapping[str, Rule] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False
    _began: dict[str, float] = field(default_factory=dict)

    def reply(self, request: Request) -> Reply:
        path = urllib.parse.unquote(request.path.partition("?")[0]).rstrip("/") or "/"
        for key in (f"{request.method} {path}", path, "*"):
            if key in self.replies and (found := self._now(key, request)) is not None:
                return found
        return Reply()

    def _now(self, key: str, request: Request) -> Reply | None:
        rule = self.replies[key]
        if isinstance(rule, Reply):
            return rule
        if callable(rule):
            return rule(request)
        now = time.monotonic()
        passed = now - self._began.setdefault(key, now)
        return next((reply for since, reply in reversed(rule) if passed >= since), None)

    def plain(self, request: Request) -> Request:
        """The request as the plain tree knows it."""
        path, body = urllib.parse.unquote(request.path), request.body
        for here, there in self.moved.items():
            path, body = path.replace(there, here), body.replace(there.encode(), here.encode())
        return replace(request, path=path, body=body)

    def shown(self, answer: Answer) -> Answer:
        """The plain tree's answer with this service's own paths."""
        body, headers = answer.body, answer.headers
        for here, there in self.moved.items():
            body = body.replace(here.encode(), there.encode())
            headers = tuple((name, value.replace(here, there)) for name, value in headers)
        return replace(answer, body=body, headers=headers)


async def deliver(reply: Reply, answer: Answer, writer: asyncio.StreamWriter, *, keep: bool) -> bool:
    """Put an answer on the wire; whether the connection is still good for another."""
    await asyncio.sleep(reply.wait)
    keep = keep and reply.end == "close" and reply.cut is None and reply.raw is None
    framing = f"Content-Length: {len(answer.body)}\r\n"
    body = answer.body
    if reply.chunks:
        framing = "Transfer-Encoding: chunked\r\n"
        pieces = [body[at : at + reply.chunks] for at in range(0, len(body), reply.chunks)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"
    head = answer.head + f"{framing}Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
    whole = head + body[: reply.cut] if reply.raw is None else reply.raw
    size, pause = reply.drip or (len(whole) or 1, 0.0)
    for at in range(0, len(whole), size):
        writer.write(whole[at : at + size])
        await writer.drain()
        if pause:
            await asyncio.sleep(pause)
    if reply.end == "reset":
        reset(writer)
    return keep


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST."""
    made = writer.get_extra_info("socket")
    if made is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _tree(raw: bytes) -> dict[str, Any]:
    said = json.loads(raw or b"{}")
    return dict(said) if isinstance(said, dict) and "error" not in said else {}
