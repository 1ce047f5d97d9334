"""HAProxy's admin socket: `set map` and `show map` as the hand-off uses them, `show stat` as `seedvm top` does (HAProxy's management guide,
9.1 and 9.3), one command a connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from seedvm.services.load import installed
from tests.contract.handoff.unix_server import UnixServer

MAP = "/etc/haproxy/hold.map"
COLUMNS = ("pxname", "svname", "status", "act", "lastchg", "check_status", "check_code", "check_duration", "last_chk")


class Haproxy:
    """`held`: writes are refused. A proxy that is `down` accepts nobody; one that is `odd` has no such map in its configuration.
    `servers` are the names that its proxies balance over, `away` those whose checks fail -> since how many seconds."""

    def __init__(self, path: Path, on_hold: Callable[[], None] = lambda: None) -> None:
        self.on_hold = on_hold
        self.held = self.down = self.odd = False
        self.servers: tuple[str, ...] = ()
        self.away: dict[str, int] = {}
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
            case ["show", "stat"]:
                return self._statistics()
        return "Unknown command.\n"

    def _statistics(self) -> str:
        """The columns that matter of some hundred, in HAProxy's own CSV: a leading mark, a comma at each end, an empty line."""
        lines = ["# " + ",".join(COLUMNS) + ","]
        for service in installed().apis:
            lines.append(f"{service},FRONTEND,OPEN,,,,,,")
            for name in self.servers:
                gone = self.away.get(name)
                up = f"{service},{name},UP,1,4000,L7OK,200,7,"
                lines.append(
                    up if gone is None else f'{service},{name},DOWN,1,{gone},L4CON,,0,"Connection refused, at step 1"'
                )
            lines.append(f"{service},BACKEND,UP,3,4000,,,,")
        return "\n".join([*lines, "", ""])
