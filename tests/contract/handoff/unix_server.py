"""A server at a UNIX socket, in threads: what each of the lab's emulated services listens with."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path


class UnixServer:
    """Listens at `path` until it is closed. `talk` has one connection, in a thread of its own, and need not close it."""

    def __init__(self, path: Path, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        """One connection; whoever hangs up in the middle of it has given up."""
        with line, contextlib.suppress(OSError):
            self._talk(line)
