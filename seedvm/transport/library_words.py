"""What the HTTP library says of an answer that it cannot read, in words for an operator: no names of its classes, no Python literals."""

from __future__ import annotations

import re

import aiohttp

from seedvm.foreign.text import shown

_COUNTED = re.compile(r"received (\d+) of (\d+) bytes")
_LITERAL = re.compile(
    r":?\s+b(['\"])(.*?)\1?[\s.^]*$", re.DOTALL
)  # the bytes that it objects to, and a mark below the first of them
_OBJECT = re.compile(r"<\w+[ (:]")
MOST_WORDS, MOST_QUOTED = 120, 40


def words_of(error: Exception) -> str:
    """Why an answer is cut off, or is not HTTP."""
    said = str(getattr(error, "message", "") or error)
    if isinstance(error, aiohttp.ClientPayloadError):
        counted = _COUNTED.search(said)
        return f"{counted[1]} of {counted[2]} bytes came" if counted else "the end of its body is missing"
    if not said or _OBJECT.match(said):
        return "the connection was closed before its end"
    quoted = _LITERAL.search(said)
    if quoted:
        return f"{shown(said[: quoted.start()], MOST_WORDS)}: '{shown(quoted[2], MOST_QUOTED)}'"
    return shown(said, MOST_WORDS)
