"""What the engine of a lab works with: its way to the members in place of ssh, and a Report that keeps what it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.cloud.ssh import SshHost as Address
from seedvm.engine.step import JSON


@dataclass
class Told:
    """A Report that keeps what a step says; `on_phase` is called with each "PHASE state"."""

    lines: list[str] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    facts: dict[str, JSON] = field(default_factory=dict)
    on_phase: Callable[[str], None] = lambda phase: None

    def log(self, message: str, *, node: str | None = None) -> None:
        self.lines.append(message)

    def phase(self, phase: str, state: str, detail: str = "") -> None:
        self.phases.append(f"{phase} {state}")
        self.on_phase(f"{phase} {state}")

    def fact(self, name: str, value: JSON) -> None:
        self.facts[name] = value

    def progress(self, done: float, total: float, unit: str = "") -> None: ...
    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None: ...
    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None: ...
    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None: ...


@dataclass(frozen=True)
class Wire:
    """The engine's way to the members in the lab, in place of ssh: a socket, at whose other end each machine runs the real verb."""

    path: Path

    async def verb(
        self, machine: Address, verb: str, request: Mapping[str, object] | None = None, *, timeout: float = 60
    ) -> object:
        code, said = await self._ask(machine, {"verb": verb, "request": request or {}}, timeout)
        if code != 0:
            error = said["error"]
            raise SeedvmError(error["what"], machine=machine.name, why=error["why"], hint=error["hint"])
        return said

    async def run(
        self, machine: Address, argv: Sequence[str], *, timeout: float, input: str | None = None, check: bool = True
    ) -> process.Completed:
        code, said = await self._ask(machine, {"argv": list(argv)}, timeout)
        if code != 0 and check:
            raise SeedvmError(f"{argv[0]} failed", machine=machine.name)
        return process.Completed(tuple(argv), code, said, "")

    def forget_host_keys(self) -> None:
        """There are none."""

    async def _ask(self, machine: Address, what: Mapping[str, object], timeout: float) -> Any:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(str(self.path))
                writer.write(json.dumps({"machine": machine.name, **what}).encode() + b"\n")
                said = await reader.read()
                writer.close()
        except TimeoutError:
            raise SeedvmError(f"ssh did not finish within {timeout:g} s", machine=machine.name) from None
        if not said:
            raise SeedvmError("ssh: connect to host: No route to host", machine=machine.name)
        return json.loads(said)
