"""The engine's side of `seedvm member`: who the controllers are, how to ask all of them at once, and the hand-off's memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.first import first
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.tcp import connects
from seedvm.base.typed_json import decode, encode_record
from seedvm.cloud.client import Client, login
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost, way_in
from seedvm.controller import handed_over, vip
from seedvm.engine.stages import HandoffPhase, PhaseState
from seedvm.engine.step import Context
from seedvm.handoff import record
from seedvm.handoff.record import Record
from seedvm.member import verbs
from seedvm.member.hold import HolderRequest
from seedvm.member.notes import Line, NoteRequest, NotesRequest, commit_begun
from seedvm.member.status import MemberStatus, StatusRequest
from seedvm.member.verbs import Verb
from seedvm.provisioning.metadata import SEED_NAME
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets

STACK = "undercloud"
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


class NoMajority(SeedvmError):
    """Fewer nodes answer than the cluster itself needs; they may come back."""

    passing = True


@dataclass(frozen=True)
class NodeAnswers(Generic[A]):
    """What the nodes said: name -> answer; `silent` is name -> why there was none."""

    said: Mapping[str, A]
    silent: Mapping[str, str]


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

    async def ask_some(self, verb: Verb[R, A], request: R, *, timeout: float = 60) -> dict[str, A]:
        """The same of every node that takes connections: name -> answer of those that answered."""
        return dict((await self._heard(verb, lambda _: request, timeout)).said)

    async def ask_most(self, verb: Verb[R, A], request: R, *, timeout: float = 60) -> dict[str, A]:
        """As `ask_some`, but NoMajority where fewer than a majority of the site's nodes answered."""
        return dict((await self.hear_most(verb, lambda _: request, timeout=timeout)).said)

    async def hear_most(
        self, verb: Verb[R, A], request: Callable[[SshHost], R], *, timeout: float = 60
    ) -> NodeAnswers[A]:
        """As `ask_most`, with a request for each, and with the reason of each node that did not answer."""
        heard = await self._heard(verb, request, timeout)
        if 2 * len(heard.said) <= len(self.nodes):
            raise NoMajority(
                f"only {len(heard.said)} of {len(self.nodes)} nodes answer",
                machine=", ".join(heard.silent),
                why="; ".join(f"{name}: {why}" for name, why in heard.silent.items()),
                hint="a majority of the nodes must run: switch them on, or look at their consoles, then run again",
            )
        return heard

    async def _heard(self, verb: Verb[R, A], request: Callable[[SshHost], R], timeout: float) -> NodeAnswers[A]:
        """Answers by node, and why there is none by node. A node that is off costs a second."""

        async def one(node: SshHost) -> A | SeedvmError:
            if not await connects(node.address, 22):
                return SeedvmError("no SSH connection is accepted")
            try:
                return await self.ask_one(node, verb, request(node), timeout=timeout)
            except TimeoutError:
                return SeedvmError(f"no answer within {timeout:g} s")
            except SeedvmError as error:
                return error

        said = dict(zip(self.nodes, await asyncio.gather(*map(one, self.nodes)), strict=True))
        return NodeAnswers(
            {node.name: answer for node, answer in said.items() if not isinstance(answer, SeedvmError)},
            {node.name: answer.what for node, answer in said.items() if isinstance(answer, SeedvmError)},
        )

    async def status(self, *parts: str, seed: bool = False) -> dict[str, MemberStatus]:
        """`member status` of every node, and of the seed if wanted: these parts, or all of it (which takes seconds)."""
        of = (*self.nodes, self.seed) if seed else self.nodes
        return await self.ask_each(verbs.STATUS, lambda one: self.looked_at(one, parts), of=of, timeout=120)

    async def status_most(self, *parts: str) -> NodeAnswers[MemberStatus]:
        """`status` of the nodes, where a majority is enough."""
        return await self.hear_most(verbs.STATUS, lambda one: self.looked_at(one, parts), timeout=120)

    def looked_at(self, machine: SshHost, parts: tuple[str, ...]) -> StatusRequest:
        """How a member is asked for these parts of its status."""
        return StatusRequest(machine.address, self.vip, parts or None)

    async def holders(self) -> tuple[SshHost, ...]:
        """The nodes that hold the VIP; a majority must answer."""
        said = await self.ask_most(verbs.HOLDER, HolderRequest(self.vip))
        return tuple(node for node in self.nodes if node.name in said and said[node.name].holds_vip)

    async def login(self, address: str | None = None) -> Client:
        """A login at one controller, or at the VIP."""
        return await in_thread(lambda: login(address or self.vip, self.secrets.generated.admin_password))

    async def up(self) -> bool:
        """Does every node take SSH connections? Asked before anything that would wait for it."""
        looks = [connects(node.address, 22) for node in self.nodes]
        return all(await asyncio.gather(*looks))

    async def committed(self) -> bool:
        """Is the point of no return passed? By the seed's mark or record, else by the record of any node that can be asked.

        A seed that knows the attempt has put its mark on the disk before anything moved. One that does not know it (a state folder that
        was lost) takes a COMMIT that a majority of the nodes saw begin for passed once a node holds the VIP.
        """
        known = self.record()
        if handed_over.marked(self.site.name) or known.committed is not None:
            return True
        if known.attempt and known.hold_since is not None and vip.writes_held():
            return False  # its own hold, under which each second counts
        records = (await self.ask_some(verbs.NOTES, NotesRequest())).values()
        if any(line.phase == "COMMIT" and line.state == "done" for lines in records for line in lines):
            return True
        begun = [attempt for lines in records if (attempt := commit_begun(lines)) is not None]
        if 2 * len(begun) <= len(self.nodes) or (known.attempt and known.attempt in begun):
            return False
        return not await in_thread(lambda: vip.holds(self.vip)) and bool(await self.holders())

    async def note(
        self,
        phase: HandoffPhase,
        state: PhaseState,
        *,
        vip: str | None = None,
        verdict: str | None = None,
        timeout: float = 60,
    ) -> None:
        """One line in the record of every node that answers, with what was measured so far; NoMajority where those are too few."""
        known = self.record()
        line = Line(phase, state, SEED_NAME, vip=vip, verdict=verdict, attempt=known.attempt or None)
        files = {record.FILE: record.carried(known, time.time(), self.secrets.generated.recovery_key)}
        await self.ask_most(verbs.NOTE, NoteRequest(line, files=files), timeout=timeout)

    def record(self) -> Record:
        """What earlier phases measured."""
        return record.load(self.state_dir)

    def save(self, known: Record) -> None:
        """Keep it; on the disk when it returns."""
        record.save(self.state_dir, known)
