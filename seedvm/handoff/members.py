"""The engine's side of `seedvm member`: who the controllers are, how to ask all of them at once, and the hand-off's memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from seedvm.base import process
from seedvm.base.first import first
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.tcp import connects
from seedvm.base.typed_json import decode, encode_record
from seedvm.cloud.client import Client, login
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost, way_in
from seedvm.controller import units, vip
from seedvm.engine.stages import HandoffPhase, PhaseState
from seedvm.engine.step import Context
from seedvm.handoff import record
from seedvm.handoff.record import Record
from seedvm.member import verbs
from seedvm.member.hold import HolderRequest
from seedvm.member.notes import Line, NoteRequest, NotesRequest
from seedvm.member.status import MemberStatus, StatusRequest
from seedvm.member.verbs import Verb
from seedvm.provisioning.metadata import SEED_NAME
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets

STACK = "undercloud"
HOLD_TIMER = "seedvm-hold-end"
R = TypeVar("R")
A = TypeVar("A")


class Transport(Protocol):
    """How a member is reached; `seedvm.cloud.ssh.Ssh` is it."""

    async def verb(
        self, machine: SshHost, verb: str, request: Mapping[str, JSON] | None = None, *, timeout: float = 60
    ) -> object:
        """The answer, parsed JSON; what the member says went wrong is a SeedvmError."""

    async def run(
        self, machine: SshHost, argv: Sequence[str], *, timeout: float, input: str | None = None, check: bool = True
    ) -> process.Completed: ...

    def forget_host_keys(self) -> None: ...


@dataclass(frozen=True)
class Members:
    """The controllers of one site as the engine on the seed sees them; the seed is the local one."""

    site: Site
    secrets: Secrets
    state_dir: Path
    connect: Callable[[Secret], Transport] = way_in

    @classmethod
    def of(cls, context: Context) -> Members:
        """From what a plan is built of; touches nothing."""
        return cls(context.site, context.secrets, context.state_dir)

    @property
    def vip(self) -> str:
        return str(self.site.provisioning.vip)

    @property
    def seed(self) -> SshHost:
        return SshHost(SEED_NAME, str(self.site.seed.address), local=True)

    @property
    def nodes(self) -> tuple[SshHost, ...]:
        return tuple(SshHost(one.name, str(one.address)) for one in self.site.controllers)

    def node(self, name: str) -> SshHost:
        """The node of that name; a SeedvmError where the site has none."""
        return first(
            (one for one in self.nodes if one.name == name),
            "the site has no node of this name",
            machine=name,
            why=f"its nodes are {', '.join(one.name for one in self.nodes)}",
            hint="handoff.json belongs to another site.yaml: restore the site.yaml that the hand-off started with",
        )

    @property
    def transport(self) -> Transport:
        return self.connect(self.secrets.generated.ssh_private_key)

    async def ask_one(self, machine: SshHost, verb: Verb[R, A], request: R, *, timeout: float = 60) -> A:
        """One verb of one member."""
        said = await self.transport.verb(machine, verb.name, encode_record(request, reveal=True), timeout=timeout)
        return decode(verb.answer, said, f"the answer of {machine.name} to member {verb.name}")

    async def ask(self, verb: Verb[R, A], request: R, *, timeout: float = 60) -> dict[str, A]:
        """The same of every node at once: name -> answer. One failure fails all."""
        return await self.ask_each(verb, lambda _: request, of=self.nodes, timeout=timeout)

    async def ask_each(
        self, verb: Verb[R, A], request: Callable[[SshHost], R], *, of: Iterable[SshHost], timeout: float = 60
    ) -> dict[str, A]:
        """The same verb of many members at once, with a request for each: name -> answer. One failure fails all."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                machine.name: group.create_task(self.ask_one(machine, verb, request(machine), timeout=timeout))
                for machine in of
            }
        return {name: task.result() for name, task in tasks.items()}

    async def status(self, *parts: str, seed: bool = False) -> dict[str, MemberStatus]:
        """`member status` of every node, and of the seed if wanted: these parts, or all of it (which takes seconds)."""

        def request(machine: SshHost) -> StatusRequest:
            return StatusRequest(machine.address, self.vip, parts or None)

        of = (*self.nodes, self.seed) if seed else self.nodes
        return await self.ask_each(verbs.STATUS, request, of=of, timeout=120)

    async def holders(self) -> tuple[SshHost, ...]:
        """The nodes that hold the VIP."""
        said = await self.ask(verbs.HOLDER, HolderRequest(self.vip))
        return tuple(node for node in self.nodes if said[node.name].holds_vip)

    async def login(self, address: str | None = None) -> Client:
        """A login at one controller, or at the VIP."""
        return await in_thread(lambda: login(address or self.vip, self.secrets.generated.admin_password))

    async def up(self) -> bool:
        """Does every node take SSH connections? Asked before anything that would wait for it."""
        looks = [connects(node.address, 22) for node in self.nodes]
        return all(await asyncio.gather(*looks))

    async def committed(self) -> bool:
        """Is the point of no return passed? By the seed's record, or by the record of any node that can be asked.

        A COMMIT that was begun counts as passed once a node holds the VIP: from then on going back would be a second move.
        """
        if self.record().committed is not None:
            return True
        if await asyncio.to_thread(vip.holds, self.vip) or not await self.up():
            return False
        records = (await self.ask(verbs.NOTES, NotesRequest())).values()
        states = {line.state for lines in records for line in lines if line.phase == "COMMIT"}
        if "done" in states or not states:
            return "done" in states
        return bool(await self.holders())

    async def note(
        self, phase: HandoffPhase, state: PhaseState, *, vip: str | None = None, verdict: str | None = None
    ) -> None:
        """One line in every node's own record of the hand-off."""
        await self.ask(verbs.NOTE, NoteRequest(Line(phase, state, SEED_NAME, vip=vip, verdict=verdict)))

    async def release_writes(self) -> None:
        """Writes pass the seed's HAProxy again: the way back before the point of no return."""
        await asyncio.to_thread(vip.hold_writes, False)
        await units.cancel(HOLD_TIMER)
        self.save(replace(self.record(), hold_since=None, compared=None))

    def record(self) -> Record:
        """What earlier phases measured."""
        return record.load(self.state_dir)

    def save(self, known: Record) -> None:
        """Keep it; on the disk when it returns."""
        record.save(self.state_dir, known)
