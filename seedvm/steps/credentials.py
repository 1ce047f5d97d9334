"""The stage credentials: one proven account for each BMC.

A machine that cannot be used stays in the inventory with the reason and the cure; whether enough are left is decided
later. Refuses to send a password to an address outside the declared ranges or to a machine the operator excluded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from seedvm.base.addresses import parse
from seedvm.base.group_commit import Together
from seedvm.bmc.clients import BmcPorts, identify, opens, with_account, without_account
from seedvm.bmc.findings import WIRE
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.rate_limit import RateLimit
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each
from seedvm.machines.inventory import KnownMachine
from seedvm.scan.sweep import USUAL_PORTS, Ports
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven, store_proven

AT_ONCE = 256  # BMCs; slow ones hold a place for up to a minute each, and the others must not wait for them
STRAGGLERS = 10  # one BMC in so many may still be at it when those begin that only a login can test
RETRY_SECONDS = 60.0  # after what nobody thought of
KEEP_REST = 0.5  # seconds; to write a thousand machines takes a fifth of one
_Kept = tuple[KnownMachine, Candidate | None]  # with the account that opened it


class CredentialsStep:
    """Each BMC has one proven account, or a reason why not with its cure."""

    name: ClassVar[str] = "credentials"
    title: ClassVar[str] = "Prove one account per BMC"
    stage: ClassVar[Stage] = "credentials"
    usual_seconds: ClassVar[float] = 15.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS) -> None:
        self._state_dir = context.state_dir
        self._secrets_file = context.state_dir / "secrets.yaml"
        self._site = context.site
        self._candidates = context.secrets.bmc_candidates
        self._accounts = context.secrets.bmc_accounts
        self._digests: dict[str, str] = {}
        self._ledger = Ledger(context.state_dir)
        self._pace = RateLimit(context.state_dir)
        self._ports = ports
        self._kept: Together[_Kept, None] = Together(self._keep, KEEP_REST)
        self._bmc_ports = BmcPorts(ports.ipmi, ports.redfish, ports.redfish_clear or 80, context.site.bmc.allow_old_tls)

    async def check(self) -> Verdict:
        if not self._candidates and not self._accounts:
            return Blocked("no BMC password is given", "add bmc_candidates to secrets.yaml, or run: seedvm import LIST")
        machines = self._machines()
        if not machines:
            return Todo("no BMC is known yet")
        proven = load_proven(self._secrets_file)
        waiting = [one.bmc for one in machines if self._waits(one, proven)]
        if waiting:
            return Todo(f"no proven account yet: {', '.join(waiting)}")
        closed = await self._closed(machines, proven)
        if closed:
            return Todo(f"the proven account is no longer accepted by {', '.join(closed)}")
        unfit: dict[str, str] = {one.bmc: one.unfit_reason or "" for one in machines if one.tried is not None}
        return Done({"proven": len(machines) - len(unfit), "unusable": unfit})

    async def apply(self, report: Report) -> None:
        proven = load_proven(self._secrets_file)
        machines = self._machines()
        closed = set(await self._closed([one for one in machines if not self._waits(one, proven)], proven))
        todo = [one for one in machines if one.bmc in closed or self._waits(one, proven)]
        ipmi_first = [one for one in todo if "ipmi-2.0" in one.protocols]
        gate, enough = asyncio.Semaphore(AT_ONCE), asyncio.Event()
        left = len(ipmi_first)
        most = left // STRAGGLERS

        async def one(machine: KnownMachine, pairs: Sequence[Candidate]) -> None:
            await self._prove(machine, proven, pairs, gate, report)

        async def first(machine: KnownMachine) -> None:
            nonlocal left
            try:
                await one(machine, pairs)
            finally:
                left -= 1
                if left <= most:
                    enough.set()

        async def second() -> None:
            """Those that only a login can test: with the pairs that opened the others, while the last of those are still at it."""
            if ipmi_first:
                await enough.wait()
            work = partial(one, pairs=self._opened())
            await each([one for one in todo if one not in ipmi_first], work, fell, where=self.name)

        fell, pairs = partial(self._fell, report=report), self._opened()
        async with asyncio.TaskGroup() as group:
            group.create_task(each(ipmi_first, first, fell, where=self.name))
            group.create_task(second())
        report.progress(len(todo), len(todo), "BMCs")

    def _machines(self) -> list[KnownMachine]:
        """The machines that may be logged in to: in the ranges, answering, not excluded."""
        known = inventory.load(self._state_dir).machines
        here = [one for one in known if not one.silent and parse(one.bmc) in self._site.bmc]
        return [one for one in here if self._site.machine(one.bmc).role != "exclude"]

    def _opened(self) -> tuple[Candidate, ...]:
        """The pairs that open BMCs of the site; one that is only good for a change is not among them."""
        proven = load_proven(self._secrets_file)
        return tuple(proven[one.bmc] for one in self._machines() if one.tried is None and one.bmc in proven)

    def _given(self, bmc: str) -> tuple[Candidate, ...]:
        """What may be tried on a BMC: the account that the operator's list gives for it goes first."""
        own = self._accounts.get(bmc)
        return self._candidates if own is None else (own, *(one for one in self._candidates if one != own))

    def _known(self, machine: KnownMachine, mine: Candidate | None) -> tuple[Candidate, ...]:
        """What is given, after the pair that opened this BMC before: it may be one that we made, and in nobody's list. One that was
        only good for a change goes last in a new list: the operator may have made the change and given the new one."""
        given = self._given(machine.bmc)
        if mine is None:
            return given
        others = tuple(one for one in given if one != mine)
        new_list = machine.tried is not None and machine.tried != self._tried(machine.bmc)
        return (*others, mine) if new_list else (mine, *others)

    def _tried(self, bmc: str) -> str:
        """The digest of what may be tried on a BMC; most have the same, and a digest takes some milliseconds."""
        key = bmc if bmc in self._accounts else ""
        if key not in self._digests:
            self._digests[key] = self._ledger.fingerprint(self._given(bmc))
        return self._digests[key]

    def _waits(self, machine: KnownMachine, proven: dict[str, Candidate]) -> bool:
        """Whether this machine has neither an account nor a reason why not that still holds."""
        if machine.proven_user is not None and (machine.tried is None or machine.bmc not in proven):
            return machine.bmc not in proven
        return machine.tried != self._tried(machine.bmc) or (
            machine.retry_at is not None and machine.retry_at <= time.time()
        )

    async def _closed(self, machines: Sequence[KnownMachine], proven: dict[str, Candidate]) -> list[str]:
        """The BMCs that no longer take the pair that was proven; one that does not answer now is not among them."""
        gate = asyncio.Semaphore(AT_ONCE)
        closed: set[str] = set()

        async def one(machine: KnownMachine) -> None:
            pair = proven[machine.bmc]
            if not await opens(machine, pair, self._ledger, self._pace, self._bmc_ports, gate=gate):
                closed.add(machine.bmc)

        async def fell(machine: KnownMachine, remark: MachineRemark) -> None:
            """It cannot be said now; the next run looks again."""

        await each([one for one in machines if one.proven_user is not None], one, fell, where=self.name)
        return [one.bmc for one in machines if one.bmc in closed]

    async def _prove(
        self,
        machine: KnownMachine,
        proven: Mapping[str, Candidate],
        pairs: Sequence[Candidate],
        gate: asyncio.Semaphore,
        report: Report,
    ) -> None:
        candidates = self._known(machine, proven.get(machine.bmc))
        machine, answer = await identify(
            machine, candidates, self._ledger, self._pace, self._bmc_ports, elsewhere=pairs, gate=gate
        )
        for finding in machine.findings:
            if finding.name not in WIRE:
                report.log(f"{finding.detail}. To fix: {finding.cure}", node=machine.bmc)
        if isinstance(answer, Proven):
            account = Candidate(answer.user, answer.password)
            await self._kept.surely((with_account(machine, answer), account))
            report.node(machine.bmc, "login", detail=f"{answer.user} over {answer.protocol}")
        else:
            await self._kept.surely((without_account(machine, answer, self._tried(machine.bmc)), answer.pair))
            report.node(machine.bmc, "unfit", detail=f"{answer.reason}. {answer.cure}")

    async def _fell(self, machine: KnownMachine, remark: MachineRemark, report: Report) -> None:
        """What nobody thought of, at one BMC: nothing is said of its password, and it is tried again by a later run."""
        answer = Unproven(f"no account could be proven: {remark.reason}", remark.cure, retry_seconds=RETRY_SECONDS)
        await self._kept.surely((without_account(machine, answer, self._tried(machine.bmc)), None))
        report.node(machine.bmc, "unfit", detail=f"{answer.reason}. {answer.cure}")

    def _keep(self, found: Sequence[_Kept]) -> list[None]:
        """Accounts first: a machine that is said to have one has it, whenever we are killed."""
        proven = {machine.bmc: account for machine, account in found if account is not None}
        if proven:
            store_proven(self._secrets_file, proven)
        inventory.update(self._state_dir, *(machine for machine, _ in found))
        return [None] * len(found)
