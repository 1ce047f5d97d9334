"""Just enough HTTP/1.1 for the servers of the datacenter: one request is read, one answer written, header names in lower case."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

MOST_BODY = 1 << 20


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def basic(self) -> tuple[str, str] | None:
        """User and password of an Authorization header (RFC 7617)."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if kind.lower() == "basic" else None

    @property
    def secret(self) -> str:
        """What of a login it carries: "basic", "token", "password" (in its body), or nothing."""
        if "authorization" in self.headers:
            return "basic"
        if "x-auth-token" in self.headers:
            return "token"
        return "password" if "Password" in self.tree() else ""

    def tree(self) -> Mapping[str, Any]:
        try:
            said = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}


@dataclass(frozen=True)
class Answer:
    """Status, header lines and body, not yet on the wire: what frames the body (length, end of the connection) is added there."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def head(self) -> bytes:
        """The status line and `headers`, without the empty line."""
        words = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Other"
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"HTTP/1.1 {self.status} {words}\r\n{lines}".encode("utf-8", "surrogateescape")

    @property
    def raw(self) -> bytes:
        return self.head + f"Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n".encode() + self.body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None at the end of the connection or for what is no HTTP."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        return None
    first, *lines = head.rstrip().split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        return None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(min(length, MOST_BODY)) if length else b""
    return Request(words[0], words[1], headers, body)


def answer(status: int, body: Mapping[str, Any] | bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    return Answer(status, raw, (("Content-Type", kind), *(headers or {}).items()))
