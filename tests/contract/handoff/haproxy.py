"""HAProxy's admin socket as the hand-off uses it: `set map` and `show map` (HAProxy's management guide, 9.3), one command a connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from tests.contract.handoff.unix_server import UnixServer

MAP = "/etc/haproxy/hold.map"


class Haproxy:
    """`held`: writes are refused. A proxy that is `down` accepts nobody; one that is `odd` has no such map in its configuration."""

    def __init__(self, path: Path, on_hold: Callable[[], None] = lambda: None) -> None:
        self.on_hold = on_hold
        self.held = self.down = self.odd = False
        self.close = UnixServer(path, self._talk).close

    def _talk(self, line: socket.socket) -> None:
        if not self.down:
            line.sendall(self._answer(line.recv(4096).decode().split()).encode())

    def _answer(self, words: list[str]) -> str:
        if self.odd:
            return "Unknown map identifier. Please use #<id> or <file>.\n"
        match words:
            case ["set", "map", name, "writes", state] if name == MAP:
                self.held = state == "on"
                if self.held:
                    self.on_hold()
                return "\n"
            case ["show", "map", name] if name == MAP:
                return f"0x55d0 writes {'on' if self.held else 'off'}\n\n"
        return "Unknown command.\n"
