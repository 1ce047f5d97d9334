"""A password of its own for each BMC, where the site asks for it (`bmc.rotate_passwords`) or the operator by `seedvm bmc rotate`.

A machine is done when its proven account is one that we made and nothing is half changed. Refuses machines that are not
proven or that the operator excluded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

from seedvm.base.addresses import parse
from seedvm.base.errors import SeedvmError
from seedvm.bmc.clients import BmcPorts, access_of, expired, identify, with_account
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.bmc.quirks import password_rule
from seedvm.bmc.rate_limit import GAP_SECONDS, RateLimit
from seedvm.bmc.rotate import Store, rotate, settle
from seedvm.cloud import ironic
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each
from seedvm.machines.inventory import KnownMachine
from seedvm.provisioning.ownership import cloud_of
from seedvm.scan.sweep import USUAL_PORTS, Ports
from seedvm.site.accounts import Candidate, Rotation
from seedvm.site.bundle import offer
from seedvm.site.secrets_file import load_proven, load_rotations

AT_ONCE = 16


class RotateStep:
    """Each proven BMC has a password that no other BMC has. `only` names addresses, `again` rotates what was rotated before."""

    name: ClassVar[str] = "rotate"
    title: ClassVar[str] = "Set a unique password on each BMC"
    stage: ClassVar[Stage] = "credentials"
    usual_seconds: ClassVar[float] = 40.0

    def __init__(
        self,
        context: Context,
        *,
        ports: Ports = USUAL_PORTS,
        only: Sequence[str] = (),
        again: bool = False,
        gap: float = GAP_SECONDS,
    ) -> None:
        self._context = context
        self._secrets_file = context.state_dir / "secrets.yaml"
        self._ledger = Ledger(context.state_dir)
        self._ports = BmcPorts(ports.ipmi, ports.redfish, ports.redfish_clear or 80, context.site.bmc.allow_old_tls)
        self._only = frozenset(only)
        self._again = again
        self._pace = RateLimit(context.state_dir, gap)

    async def check(self) -> Verdict:
        machines = self.machines()
        if not machines:
            return Todo("no BMC has a proven account yet")
        waiting = [one.bmc for one in machines if self._waits(one)]
        if waiting:
            return Todo(f"no unique password yet: {', '.join(waiting)}")
        return Done({"rotated": len(machines)})

    async def apply(self, report: Report) -> None:
        todo = [one for one in self.machines() if self._again or self._waits(one)]
        failed: dict[str, MachineRemark] = {}
        changed: list[KnownMachine] = []
        done = 0

        async def one(machine: KnownMachine) -> None:
            nonlocal done
            await self._rotate(machine)
            report.node(machine.bmc, "login", detail="has a unique password, verified by a new login")
            changed.append(machine)
            done += 1
            report.progress(done, len(todo), "BMCs")

        async def look_again(machine: KnownMachine) -> None:
            await self._look_again(machine, report)

        async def fell(machine: KnownMachine, remark: MachineRemark) -> None:
            if machine not in changed:
                failed[machine.bmc] = remark
            report.log(f"{remark.reason} ({remark.cure})", node=machine.bmc)

        await each(todo, one, fell, where=self.name, at_once=AT_ONCE)
        await each([one for one in changed if expired(one)], look_again, fell, where=self.name, at_once=AT_ONCE)
        if changed and (words := offer(self._context.state_dir)):
            report.log(words)
        if failed:
            raise SeedvmError(
                f"{len(failed)} of {len(todo)} passwords were not changed",
                why=_told(failed),
                hint="run again; for each BMC both passwords are kept until one is verified",
            )

    def machines(self) -> list[KnownMachine]:
        """The machines that are meant: proven, in the declared ranges, answering, not excluded."""
        proven = load_proven(self._secrets_file)
        return [
            one
            for one in inventory.load(self._context.state_dir).machines
            if one.bmc in proven
            and one.proven_user is not None
            and not one.silent
            and parse(one.bmc) in self._context.site.bmc
            and self._context.site.machine(one.bmc).role != "exclude"
            and (not self._only or one.bmc in self._only)
        ]

    def _waits(self, machine: KnownMachine) -> bool:
        """Whether its password is one that the operator gave, shared with another BMC, or half changed."""
        if machine.bmc in load_rotations(self._secrets_file):
            return True
        proven = load_proven(self._secrets_file)
        mine = proven[machine.bmc]
        given = (*self._context.secrets.bmc_candidates, *self._context.secrets.bmc_accounts.values())
        others = [pair for address, pair in proven.items() if address != machine.bmc]
        return any(mine.password == pair.password for pair in (*given, *others))

    async def _rotate(self, machine: KnownMachine) -> None:
        pair = load_proven(self._secrets_file)[machine.bmc]
        access = access_of(machine, pair.user, self._ledger, self._pace, self._ports)
        store = Store(self._secrets_file, machine.bmc)
        await rotate(access, pair.password, password_rule(machine.vendor), store, teller(self._context, machine))

    async def _look_again(self, machine: KnownMachine, report: Report) -> None:
        """Its account demanded a new password before anything else: now that it has one the BMC can say what it is."""
        pair = load_proven(self._secrets_file)[machine.bmc]
        machine, answer = await identify(machine, (pair,), self._ledger, self._pace, self._ports)
        if isinstance(answer, Proven):
            inventory.update(self._context.state_dir, with_account(machine, answer))
        else:
            report.log(f"{answer.reason}. {answer.cure}", node=machine.bmc)


class SettleStep:
    """Changes of passwords that were cut off: which of the two is in force is seen by a login. Stands before anything logs in."""

    name: ClassVar[str] = "settle-passwords"
    title: ClassVar[str] = "Finish interrupted password changes"
    stage: ClassVar[Stage] = "credentials"
    usual_seconds: ClassVar[float] = 10.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS, gap: float = GAP_SECONDS) -> None:
        self._context = context
        self._secrets_file = context.state_dir / "secrets.yaml"
        self._ports = BmcPorts(ports.ipmi, ports.redfish, ports.redfish_clear or 80, context.site.bmc.allow_old_tls)
        self._pace = RateLimit(context.state_dir, gap)

    async def check(self) -> Verdict:
        cut_off = self._cut_off()
        if cut_off:
            return Todo(f"a password change was interrupted: {', '.join(sorted(cut_off))}")
        return Done({"half changed": 0})

    async def apply(self, report: Report) -> None:
        ledger = Ledger(self._context.state_dir)
        failed: dict[str, MachineRemark] = {}
        cut_off = self._cut_off()

        async def one(address: str) -> None:
            rotation = cut_off[address]
            machine = inventory.load(self._context.state_dir).machine(address) or KnownMachine(address)
            access = access_of(machine, rotation.user, ledger, self._pace, self._ports)
            store = Store(self._secrets_file, address)
            new = await settle(access, rotation, store, teller(self._context, machine))
            report.log(f"the {'new' if new else 'old'} password is in force", node=address)

        async def fell(address: str, remark: MachineRemark) -> None:
            failed[address] = remark
            report.log(f"{remark.reason} ({remark.cure})", node=address)

        await each(cut_off, one, fell, where=self.name, at_once=AT_ONCE)
        if failed:
            cures = "; ".join(dict.fromkeys(remark.cure for remark in failed.values()))
            raise SeedvmError(
                f"{len(failed)} interrupted password changes could not be finished",
                why=_told(failed),
                hint=f"for each BMC both passwords are kept, and no other step logs in until then; {cures}",
            )

    def _cut_off(self) -> dict[str, Rotation]:
        """Those of BMCs that answer; one that is away keeps both passwords until it is back."""
        known = inventory.load(self._context.state_dir)
        pending = load_rotations(self._secrets_file).items()
        return {address: one for address, one in pending if (it := known.machine(address)) is None or not it.silent}


def _told(failed: Mapping[str, MachineRemark]) -> str:
    return "\n".join(f"{bmc}: {remark.reason}" for bmc, remark in failed.items())


def teller(context: Context, machine: KnownMachine) -> Callable[[Candidate], Awaitable[None]]:
    """Tells Ironic the new password of a machine that it has already; one that it has not gets it when it is registered."""

    async def nobody(account: Candidate) -> None:
        return

    async def tell(account: Candidate) -> None:
        cloud = cloud_of(context)
        node = await ironic.node(cloud, str(machine.node))
        key = (
            "ipmi" if node.driver == "ipmi" else "redfish"
        )  # of the node: what we have proven since may be another protocol
        account_of = {"username": account.user, "password": account.password.reveal()}
        await ironic.patch(cloud, node.id, {f"/driver_info/{key}_{name}": value for name, value in account_of.items()})

    return nobody if machine.node is None else tell
