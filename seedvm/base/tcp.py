"""Is a TCP port open?"""

from __future__ import annotations

import socket


def tcp_open(address: str, port: int, *, seconds: float = 1.0) -> bool:
    """Does somebody accept a connection there?"""
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return True
    except OSError:
        return False
