"""Every registered machine is inspected from within, judged against the undercloud's needs, and offered or taken out of service.

A machine that falls short stays `manageable`, powered off, with the reason on its node and in the inventory; it is never offered to
Nova. It refuses to go on with too few machines, and says how many fell at which requirement.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.waiting import NO_ERROR, NotYet, TimedOut, wait_for
from seedvm.cloud import ironic
from seedvm.cloud.connection import Cloud
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each, remark_of
from seedvm.machines.facts import facts_for_people, facts_of
from seedvm.machines.hardware import Hardware
from seedvm.machines.inventory import KnownMachine
from seedvm.machines.selection import TRAIT, Assignment, Fall, assign, falls, remarks, root_disk, root_hint, shortage
from seedvm.provisioning.enrolment import UNMANAGED
from seedvm.provisioning.inspection import Failed, InspectionProgress, inspect
from seedvm.provisioning.ownership import cloud_of, look

_PROVIDE_SECONDS = 300.0
_POWER_SECONDS = 240.0
_LOOK_EVERY = 3.0
_MOST_NAMED = 3  # of those that never came into Ironic; with forty machines the reasons are a page of their own


class InspectStep:
    """Every node is judged; those that are fit are available, with role, root disk and size."""

    name: ClassVar[str] = "inspect"
    title: ClassVar[str] = "Inspect the machines"
    stage: ClassVar[Stage] = "inspect"
    usual_seconds: ClassVar[float] = 60.0

    def __init__(self, context: Context, *, power_seconds: float = _POWER_SECONDS) -> None:
        self.context = context
        self._power_seconds = power_seconds
        self._looked_again = False
        self._lost: set[str] = set()  # in this run: machines of which Ironic takes no verdict

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        ownership = await look(self.context, cloud)
        if not ownership.answers:
            return Todo("the seed's cloud does not answer yet")
        everyone = await ironic.nodes(cloud, self.context.site.name)
        if ownership.stack is not None:
            return Done({"decided": {node.name: node.role or node.unfit for node in everyone}})
        nodes = self._named(everyone)
        if not nodes:
            return Todo("no machine is registered yet")
        waiting = [node.name for node in nodes if not judged(node)]
        if waiting:
            return Todo(f"not inspected yet: {', '.join(waiting)}")
        lacking = assign(self.context.site, fit(nodes)).lacking
        if lacking and not self._looked_again:
            return Todo(f"{lacking} undercloud machines are missing; rejected machines will be inspected again")
        if lacking:
            return self._too_few(nodes, lacking)
        others = [node for node in everyone if node not in nodes and node.bmc not in self._lost]
        waiting = [node.name for node in nodes if not settled(node)] + [
            one.name for one in others if not left_alone(one)
        ]
        if waiting:
            return Todo(f"neither offered to Nova nor taken out of service yet: {', '.join(waiting)}")
        return Done({node.name: {"role": node.role, "unfit": node.unfit, "state": node.state} for node in nodes})

    async def apply(self, report: Report) -> None:
        cloud = cloud_of(self.context)
        nodes = self._named(await ironic.nodes(cloud, self.context.site.name))
        again = all(judged(node) for node in nodes) and assign(self.context.site, fit(nodes)).lacking > 0
        self._looked_again = True
        known = {one.bmc: one for one in inventory.load(self.context.state_dir).machines}
        asked = [node for node in nodes if not judged(node) or (again and node.unfit)]
        percents = dict.fromkeys((node.bmc for node in asked), 0.0)

        def advanced(bmc: str, percent: float) -> None:
            percents[bmc] = percent
            report.progress(round(sum(percents.values()) / len(percents)), 100, "percent of the inspection")

        async def one(node: ironic.Node) -> None:
            mode = node.boot_mode or (known[node.bmc].boot_mode if node.bmc in known else None)

            def tell(stage: InspectionProgress) -> None:
                report.node(node.bmc, "inspecting", percent=stage.percent, detail=stage.words)
                advanced(node.bmc, stage.percent)

            found = await inspect(cloud, node, fresh=again, mode_proven=bool(mode), tell=tell)
            if isinstance(found, Hardware):
                report.node(node.bmc, "inspected", detail=facts_of(found))
                await self._judge(cloud, node, found, report)
            else:
                await self._fallen(cloud, node, found, report)
            advanced(node.bmc, 100.0)

        await self._each(cloud, asked, one, report, "inspection")
        fallen: set[str] = set()
        while True:  # a machine that cannot be offered leaves its role to the next one
            everyone = [
                node for node in await ironic.nodes(cloud, self.context.site.name) if node.bmc not in self._lost
            ]
            given = assign(self.context.site, fit(self._named(everyone)))
            offer = partial(self._offer, cloud, given=given, report=report)
            now = await self._each(cloud, everyone, offer, report, "release to Nova")
            self._lost |= now & fallen
            fallen |= now
            if not now:
                return

    async def _each(
        self,
        cloud: Cloud,
        nodes: Sequence[ironic.Node],
        work: Callable[[ironic.Node], Awaitable[None]],
        report: Report,
        what: str,
    ) -> set[str]:
        """Do the work for each node, once more where the cause may pass, and set those aside where it came to nothing: their BMCs."""
        fallen: dict[str, MachineRemark] = {}

        async def fell(node: ironic.Node, remark: MachineRemark) -> None:
            fallen[node.bmc] = remark

        await each(nodes, work, fell, where=self.name)
        if fallen:  # raises where it is Ironic that does not answer: no machine is to blame, and the engine tries the step again
            await ironic.nodes(cloud, self.context.site.name)
        passing = [node for node in nodes if node.bmc in fallen and fallen[node.bmc].passing]
        for node in passing:
            del fallen[node.bmc]
        await each(passing, work, fell, where=self.name)
        for node in nodes:
            if remark := fallen.get(node.bmc):
                await self._fallen(cloud, node, Failed(remark.reason, remark.cure), report, what)
        return set(fallen)

    def _named(self, nodes: Sequence[ironic.Node]) -> tuple[ironic.Node, ...]:
        """The nodes that are meant: managed, and not those that the operator excluded, perhaps after they were registered: nothing is
        powered among those."""
        site = self.context.site
        named = (node for node in nodes if node.state not in UNMANAGED and node.bmc not in self._lost)
        return tuple(node for node in named if site.machine(node.bmc).role != "exclude")

    async def _fallen(
        self, cloud: Cloud, node: ironic.Node, failed: Failed, report: Report, what: str = "inspection"
    ) -> None:
        """A machine that cannot be used is taken out of service with the reason; the others go on. One that was not powered on for it is
        not powered off either: Ironic keeps away from it."""
        why = f"{what} failed: {failed.why}"
        inventory.change(self.context.state_dir, node.bmc, unfit_reason=why, cure=failed.cure)
        report.node(node.bmc, "unfit", detail=f"{why}. To fix: {failed.cure}")
        try:
            await ironic.patch(cloud, node.id, {"/extra/unfit": why, "/extra/unfit_at": "inspection"})
            if not failed.begun and not node.maintenance:
                await ironic.keep_away(cloud, node.id, why)
        except SeedvmError as error:
            self._lost.add(node.bmc)
            report.log(f"Ironic does not store that it is unfit: {remark_of(error).reason}", node=node.bmc)

    async def _judge(self, cloud: Cloud, node: ironic.Node, found: Hardware, report: Report) -> None:
        """Write the verdict on the node: the reason why it is unfit, or what Nova needs to know of it."""
        needs = self.context.site.undercloud.needs
        reasons = falls(found, needs)
        changes: dict[str, JSON] = {"/properties/cpus": found.cpus, "/properties/memory_mb": found.memory_mib}
        changes["/extra/seedvm_facts"] = facts_for_people(found)
        if reasons:
            why = "not fit for the undercloud: " + ", ".join(one.reason for one in reasons)
            changes["/extra/unfit"] = why
            changes["/extra/unfit_at"] = ",".join(one.requirement for one in reasons)
            cure = "; ".join(dict.fromkeys(one.cure for one in reasons))
            inventory.change(self.context.state_dir, node.bmc, unfit_reason=why, cure=cure)
            report.node(node.bmc, "unfit", detail=why)
        else:
            if node.unfit:
                changes |= {"/extra/unfit": None, "/extra/unfit_at": None}
                inventory.change(self.context.state_dir, node.bmc, unfit_reason=None, cure=None)
            disk = root_disk(found, needs)
            assert disk is not None  # else it would have fallen
            changes["/properties/local_gb"] = disk.size // 2**30
            changes["/properties/root_device"] = dict(root_hint(found, disk) or {})
            for remark in remarks(found):
                report.log(remark, node=node.bmc)
        await ironic.patch(cloud, node.id, changes)

    async def _offer(self, cloud: Cloud, node: ironic.Node, given: Assignment, report: Report) -> None:
        """Fit machines become available with role and name; the others are switched off and stay."""
        role = given.roles.get(node.bmc)
        if role is None:
            await disown(cloud, node)
            stuck = node.unfit and node in self._named([node]) and await switch_off(cloud, node, self._power_seconds)
            if stuck:
                report.log(f"{stuck}; it has been put into maintenance, check its BMC", node=node.bmc)
            return
        if given.lacking:  # nothing is offered while the site lacks machines: the roles may still change
            return
        title = self.context.site.controllers[given.order(node.bmc)].name if role == "undercloud" else node.name
        if (node.role, node.title) != (role, title):
            await ironic.patch(cloud, node.id, {"/extra/seedvm_role": role, "/extra/seedvm_name": title})
        traits = (TRAIT,) if role == "undercloud" else ()
        if node.traits != traits:
            await ironic.set_traits(cloud, node.id, traits)
        await provide(cloud, node)

    def _too_few(self, nodes: tuple[ironic.Node, ...], lacking: int) -> Verdict:
        wanted = len(self.context.site.controllers)
        fallen = [Fall(at, node.unfit) for node in nodes for at in node.unfit_at]
        in_ironic = {node.bmc for node in nodes}
        site, machines = self.context.site, inventory.load(self.context.state_dir).machines
        named = [one for one in machines if one.bmc not in in_ironic and site.machine(one.bmc).role != "exclude"]
        lost = [(one.bmc, fall) for one in named if (fall := not_reached(one)) is not None]
        fallen += [fall for _, fall in lost]
        others = [f"{bmc}: {fall.reason}" for bmc, fall in lost[:_MOST_NAMED]]
        if len(lost) > _MOST_NAMED:
            others.append(f"and {len(lost) - _MOST_NAMED} more, listed by: seedvm machines")
        known = {one.bmc for one in machines}
        for role, words, where in (("spare", "kept as spare", in_ironic), ("exclude", "excluded", known)):
            if count := sum(one.role == role and str(one.bmc) in where for one in site.machines):
                others.append(f"{count} {words} by the site file")
        hint = "add machines or memory, lower undercloud.needs, or list fewer addresses in provisioning.undercloud"
        return Blocked(shortage(lacking, wanted, fallen, others), hint)


def not_reached(machine: KnownMachine) -> Fall | None:
    """At what a machine fell that never came into Ironic; None where nothing speaks against it."""
    if machine.silent:
        return Fall("answer", "its BMC no longer answers")
    if machine.unfit_reason is None:
        return None
    proven = machine.proven_user is not None and machine.tried is None
    return Fall(
        "registration" if machine.boot_mac and proven else "boot MAC" if proven else "login", machine.unfit_reason
    )


def fit(nodes: Sequence[ironic.Node]) -> tuple[str, ...]:
    """The BMCs of the nodes that nothing speaks against."""
    return tuple(node.bmc for node in nodes if not node.unfit)


def judged(node: ironic.Node) -> bool:
    """Whether a verdict stands on the node: unfit, or fit with its root disk named."""
    return bool(node.unfit) or "root_device" in node.properties


def settled(node: ironic.Node) -> bool:
    """Where its verdict puts it: available with a role, or out of service and powered off (in maintenance where it will not go dark)."""
    if node.unfit:
        return node.maintenance or (node.state == "manageable" and node.power == "power off")
    if not node.role:
        return False
    return node.state in ("available", "active", "deploying", "wait call-back", "deploy failed")


def left_alone(node: ironic.Node) -> bool:
    """An excluded machine: it has no part, and Nova is not offered it."""
    return not node.role and not node.traits and node.state != "available"


async def disown(cloud: Cloud, node: ironic.Node) -> None:
    """Take back the part that a node was given before; its power is left alone."""
    parts = {"/extra/seedvm_role": node.role, "/extra/seedvm_name": node.title}
    if any(parts.values()):
        await ironic.patch(cloud, node.id, {path: None for path, value in parts.items() if value})
    if node.traits:
        await ironic.set_traits(cloud, node.id, ())
    if node.state == "available":
        await ironic.provision(cloud, node.id, "manage")


async def provide(cloud: Cloud, node: ironic.Node) -> None:
    """manageable -> available."""
    asked, what = False, "the machine cannot be offered to Nova"

    async def available() -> bool | NotYet:
        nonlocal asked
        now = await ironic.node(cloud, node.id)
        if now.state == "manageable" and not now.reserved and (not asked or not now.target):
            await ironic.provision(cloud, node.id, "provide")
            asked = True
        if now.state in ironic.BROKEN:
            raise SeedvmError(what, machine=node.name, why=now.error or now.state, hint="run again")
        return now.state == "available" or NotYet(now.error or now.state)

    await wait_for(
        available,
        seconds=_PROVIDE_SECONDS,
        what=what,
        machine=node.name,
        hint="run again",
        pause=_LOOK_EVERY,
        passing=NO_ERROR,
    )


async def switch_off(cloud: Cloud, node: ironic.Node, seconds: float) -> str:
    """Put it aside: out of a failed inspection, powered off, and seen so. One that does not obey goes into maintenance, and the
    reason is given back: the others need not wait for it."""

    async def dark() -> bool | NotYet:
        now = await ironic.node(cloud, node.id)
        if settled(now):
            return True
        if not now.reserved and now.state == "inspect failed":
            await ironic.provision(cloud, node.id, "manage")
        elif not now.reserved and now.state == "manageable":
            await ironic.power(cloud, node.id, "power off")
        return NotYet(f"({now.state}, {now.power}): {now.error or 'no reason given'}")

    try:
        await wait_for(
            dark, seconds=seconds, what="it did not power off", machine=node.name, pause=_LOOK_EVERY, passing=NO_ERROR
        )
    except TimedOut as late:
        reason = f"it did not power off {late.why}"
        await ironic.keep_away(cloud, node.id, reason)
        return reason
    return ""
