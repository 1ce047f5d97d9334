"""The wire between a machine's supervisor and those who order it about: one JSON object a line on a Unix socket.

`{"do": "status"}`, `{"do": "power", "action": "on|off|soft|reset|restart|cycle"}`,
`{"do": "boot", "device": "pxe|disk|null", "once": true}`, `{"do": "supply", "dead": true}`;
the answer is the status after it, or `{"error": ...}`. It refuses everything else.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.typed_json import decode, encode
from seedvm.rack.machine import RackMachine

_TIMEOUT = 60.0


@dataclass(frozen=True)
class MachinePower:
    """`power` is on or off; `where` is off, firmware, ramdisk or disk; `boot_device` is pxe, disk or None."""

    power: str
    boot_device: str | None
    boot_once: bool
    where: str
    reboots: int


class _Handler(socketserver.StreamRequestHandler):
    server: ControlServer

    def handle(self) -> None:
        for line in self.rfile:
            try:
                answer = encode(self.server.answer(decode(dict[str, object], json.loads(line), "the request")))
            except (ValueError, KeyError, SeedvmError, OSError) as error:
                answer = {"error": str(error)}
            with contextlib.suppress(OSError):
                self.wfile.write(json.dumps(answer).encode() + b"\n")


class ControlServer(socketserver.ThreadingUnixStreamServer):
    """Serves one machine."""

    daemon_threads = True

    def __init__(self, path: Path, machine: RackMachine) -> None:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(str(path), _Handler)
        self._machine = machine

    def answer(self, request: Mapping[str, object]) -> MachinePower:
        machine = self._machine
        if request["do"] == "power":
            machine.order(str(request["action"]))
        elif request["do"] == "boot":
            device = request["device"]
            if not (device is None or isinstance(device, str)) or device not in ("pxe", "disk", None):
                raise ValueError(f"unknown boot device {device}")
            machine.set_boot(device, bool(request["once"]))
        elif request["do"] == "supply":
            machine.set_supply(bool(request["dead"]))
        elif request["do"] != "status":
            raise ValueError(f"unknown request {request['do']}")
        return MachinePower(machine.power, machine.boot_device, machine.boot_once, machine.where, machine.reboots)


def call(path: Path, request: Mapping[str, JSON], *, timeout: float = _TIMEOUT) -> MachinePower:
    """Order and wait for the answer; SeedvmError when the supervisor is not there or refuses."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(timeout)
            wire.connect(str(path))
            wire.sendall(json.dumps(request).encode() + b"\n")
            with wire.makefile("rb") as stream:
                answer = json.loads(stream.readline() or b"{}")
    except OSError as error:
        raise SeedvmError(
            "the machine's supervisor does not answer", machine=path.stem, why=str(error), hint="run seedvm rack up"
        ) from error
    if "error" in answer or "power" not in answer:
        raise SeedvmError("the machine refused a command", machine=path.stem, why=str(answer.get("error", "no answer")))
    return decode(MachinePower, answer, f"the answer of the supervisor of {path.stem}")
