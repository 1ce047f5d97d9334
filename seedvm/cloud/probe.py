"""Whether an API answers at an address: one request, the first line of the answer, nothing else. No login, no library: it is asked
five times a second in the hand-off, on machines that share their processors. It refuses to wait longer than it is told, whatever
the other end does."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)\b")
_LINE = 1024


@dataclass(frozen=True)
class ProbeAnswer:
    """`status` is the HTTP status, None where there was none; `why` says then what there was in its place."""

    status: int | None
    why: str = ""

    @property
    def good(self) -> bool:
        """It works: an answer that is no failure of the server. A service that demands a login works."""
        return self.status is not None and self.status < 500

    def __str__(self) -> str:
        return f"HTTP {self.status}" if self.status is not None else self.why


def probe(address: str, port: int, path: str = "/", *, seconds: float, method: str = "GET") -> ProbeAnswer:
    """Ask `GET path`, or by another method. `seconds` is the limit for all of it, from the connection to the end of the status line."""
    deadline = time.monotonic() + seconds
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: {address}:{port}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    )
    line = b""
    try:
        with socket.create_connection((address, port), timeout=seconds) as peer:
            peer.sendall(request.encode())
            while b"\n" not in line and len(line) < _LINE:
                peer.settimeout(max(deadline - time.monotonic(), 0.001))
                piece = peer.recv(_LINE)
                if not piece:
                    break
                line += piece
    except TimeoutError:
        return ProbeAnswer(None, f"no answer within {seconds:g} s")
    except OSError as error:
        return ProbeAnswer(None, error.strerror or type(error).__name__)
    found = _STATUS.match(line)
    if found is None:
        return ProbeAnswer(
            None, "the connection was closed without an answer" if not line else "the answer is not HTTP"
        )
    return ProbeAnswer(int(found[1]))
