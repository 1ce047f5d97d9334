"""What machines have really received of what this one serves: bytes that their TCP acknowledged (`ss`, RFC 793). Reads only.

It refuses to estimate: a connection that is not there has no figure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seedvm.base import process

_ACKED = re.compile(r"\bbytes_acked:(\d+)")
_PEER = re.compile(r"\s(\S+):\d+\s+\[?(?:::ffff:)?([0-9a-fA-F.:]+?)\]?:\d+\s")


async def received(port: int) -> Mapping[str, int]:
    """Bytes by peer address over the connection to our `port` that carried the most; empty where nobody is connected."""
    words = ["ss", "-H", "-O", "-t", "-i", "-n", "state", "established", "sport", "=", f":{port}"]
    return parse((await process.arun(words, timeout=5)).stdout)


def parse(text: str) -> dict[str, int]:
    """The same from the words of `ss -H -O -t -i -n`."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        peer, acked = _PEER.search(line), _ACKED.search(line)
        if peer and acked:
            found[peer[2]] = max(found.get(peer[2], 0), int(acked[1]))
    return found
