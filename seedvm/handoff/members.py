"""The engine's side of `seedvm member`: who the controllers are, how to ask all of them at once, and the hand-off's own notes.

Notes (`handoff.json` in the state folder, no secret in it) carry what was measured from one phase to the receipt. They decide only
what cannot be asked of the world any more; the point of no return is read from the members' own records as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from seedvm.base.files import write_private
from seedvm.base.first import first
from seedvm.base.tcp import tcp_open
from seedvm.cloud.api import Api, login
from seedvm.cloud.ssh import Machine, Ssh, way_in
from seedvm.controller import units, vip
from seedvm.engine.step import Context
from seedvm.provisioning.metadata import SEED_NAME
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets

Requests: TypeAlias = Mapping[str, Any] | Callable[[Machine], Mapping[str, Any]]
STACK = "undercloud"
HOLD_TIMER = "seedvm-hold-end"


@dataclass(frozen=True)
class Reach:
    """The controllers of one site as the engine on the seed sees them."""

    site: Site
    secrets: Secrets
    state_dir: Path

    @classmethod
    def of(cls, context: Context) -> Reach:
        """From what a plan is built of; touches nothing."""
        return cls(context.site, context.secrets, context.state_dir)

    @property
    def vip(self) -> str:
        return str(self.site.provisioning.vip)

    @property
    def seed(self) -> Machine:
        return Machine(SEED_NAME, str(self.site.seed.address), local=True)

    @property
    def nodes(self) -> tuple[Machine, ...]:
        return tuple(Machine(one.name, str(one.address)) for one in self.site.controllers)

    def node(self, name: str) -> Machine:
        """The node of that name; a SeedvmError where the site has none."""
        return first(
            (one for one in self.nodes if one.name == name),
            "the site has no such node",
            machine=name,
            why=f"it has {', '.join(one.name for one in self.nodes)}",
            hint="handoff.json was written for another site.yaml: use the one that the hand-off began with",
        )

    @property
    def ssh(self) -> Ssh:
        return way_in(self.secrets.generated.ssh_private_key)

    def forget_host_keys(self) -> None:
        """Learn the nodes' host keys anew: a node that was deployed again has others."""
        self.ssh.known_hosts.unlink(missing_ok=True)

    async def ask(
        self, verb: str, request: Requests | None = None, *, of: Iterable[Machine] | None = None, timeout: float = 60
    ) -> dict[str, Any]:
        """The same verb of many members at once (the nodes, if nobody is named): name -> answer. One failure fails all."""
        ssh, wanted = self.ssh, tuple(of or self.nodes)

        async def one(machine: Machine) -> Any:
            said = request(machine) if callable(request) else request
            return await ssh.verb(machine, verb, said, timeout=timeout)

        async with asyncio.TaskGroup() as group:
            tasks = {machine.name: group.create_task(one(machine)) for machine in wanted}
        return {name: task.result() for name, task in tasks.items()}

    async def status(self, *parts: str, seed: bool = False) -> dict[str, Any]:
        """`member status` of every node, and of the seed if wanted: these parts, or all of it (which takes seconds)."""
        of = (*self.nodes, self.seed) if seed else self.nodes
        more = {"parts": list(parts)} if parts else {}
        return await self.ask(
            "status", lambda machine: {"address": machine.address, "vip": self.vip, **more}, of=of, timeout=120
        )

    async def login(self, address: str | None = None) -> Api:
        """A login at one controller, or at the VIP."""
        return await asyncio.to_thread(login, address or self.vip, self.secrets.generated.admin_password)

    async def up(self) -> bool:
        """Does every node take SSH connections? Asked before anything that would wait for it."""
        looks = [asyncio.to_thread(tcp_open, node.address, 22) for node in self.nodes]
        return all(await asyncio.gather(*looks))

    async def committed(self) -> bool:
        """Is the point of no return passed? By the seed's notes, or by the record of any node that can be asked.

        A COMMIT that was begun counts as passed once a node holds the VIP: from then on going back would be a second move.
        """
        if self.notes().get("committed"):
            return True
        if await asyncio.to_thread(vip.holds, self.vip) or not await self.up():
            return False
        records = (await self.ask("notes", {})).values()
        states = {line.get("state") for record in records for line in record if line.get("phase") == "COMMIT"}
        if "done" in states or not states:
            return "done" in states
        return any(said["holds_vip"] for said in (await self.ask("holder", {"vip": self.vip})).values())

    async def record(self, phase: str, state: str, **more: Any) -> None:
        """One line in every node's own record of the hand-off."""
        await self.ask("note", {"event": {"phase": phase, "state": state, "by": SEED_NAME, **more}})

    async def release_writes(self) -> None:
        """Writes pass the seed's HAProxy again: the way back before the point of no return."""
        await asyncio.to_thread(vip.hold_writes, False)
        await units.cancel(HOLD_TIMER)
        self.take_note(hold_since=None, compare=None)

    def notes(self) -> dict[str, Any]:
        """What earlier phases measured."""
        try:
            tree = json.loads(self._notes.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return tree if isinstance(tree, dict) else {}

    def take_note(self, **more: Any) -> None:
        """Add to the notes; on the disk when it returns."""
        write_private(self._notes, json.dumps({**self.notes(), **more}, indent=1) + "\n")

    @property
    def _notes(self) -> Path:
        return self.state_dir / "handoff.json"
