"""The body of an HTTP answer: decoded as it was announced, and never more of it than we asked for.

Source: RFC 9110 section 8.4.1 (gzip, deflate: some servers send deflate without zlib's frame). A server that announces what it did
not do is taken at its bytes. Refused here: encodings without an end, and what grows past the limit.
"""

from __future__ import annotations

import zlib

PLAIN = ("", "identity", "none")
WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class TooLarge(ValueError):
    """There is more than was allowed."""


class Unreadable(ValueError):
    """It cannot be decoded; the text says why."""


def decoded(raw: bytes, encoding: str, most: int) -> bytes:
    """The body of at most `most` bytes. Raises TooLarge and Unreadable."""
    name = encoding.strip().lower()
    if name in PLAIN or not raw or raw.lstrip()[:1] in (b"{", b"["):
        return raw
    if name not in WINDOWS:
        raise Unreadable("its Content-Encoding is not gzip or deflate")
    for window in WINDOWS[name]:
        try:
            return _inflated(raw, window, most)
        except zlib.error:
            continue
    raise Unreadable(f"its Content-Encoding is {name}, and its bytes are not")


def _inflated(raw: bytes, window: int, most: int) -> bytes:
    made = zlib.decompressobj(window)
    data = made.decompress(raw, most + 1)
    if len(data) > most:
        raise TooLarge
    if not made.eof:
        raise Unreadable("its compressed data ends early")
    return data
