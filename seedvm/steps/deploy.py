"""The undercloud's stack: Heat, Nova and Ironic write the golden image, and the nodes configure themselves and say so.

It refuses to touch a stack that works, unless a node of it is dead or ordered to begin again, or one that was told that the seed is gone,
to delete one in which a server ever ran, and to give a server that runs another image.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import encode_record
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.cloud import heat, nova
from seedvm.cloud.connection import Cloud, write_clouds
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.handoff.members import Members
from seedvm.machines.selection import TRAIT
from seedvm.member import verbs
from seedvm.member.forget import ForgetRequest
from seedvm.provisioning import recovery, renewal
from seedvm.provisioning.images import open_images
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.provisioning.phases import SERVER
from seedvm.provisioning.stack import FLAVOR, Wanted, key_name, wanted
from seedvm.provisioning.watch import Deployment
from seedvm.site import orders
from seedvm.site.review import REVIEW, read_review, text_of

CLOUDS = "clouds.yaml"
_MINUTES = 60
_ROOM_SECONDS = 240.0
_CLEAR_SECONDS = 300.0
_FORGET_SECONDS = 240.0  # RabbitMQ takes up to 75 s to see that a node is dead
_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class DeployStep:
    """The stack `undercloud` is complete: every node is deployed, configured, and has signalled so."""

    context: Context
    name: ClassVar[str] = "deploy"
    title: ClassVar[str] = "Deploy the undercloud"
    stage: ClassVar[Stage] = "deploy"
    usual_seconds: ClassVar[float] = 240.0
    look_every: float = 5.0
    off_seconds: float = renewal.OFF_SECONDS
    members: Members | None = None
    """How the controllers are reached; None: as the site says."""

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        ownership = await look(self.context, cloud)
        if not ownership.answers:
            return Todo("the cloud does not answer yet")
        stack = ownership.stack
        if stack is None:
            return Todo("the stack undercloud does not exist")
        if stack.seed_is_member and not stack.complete:
            return Todo(
                f"the stack is {stack.status}: {stack.reason}" if stack.settled else f"the stack is {stack.status}"
            )
        if stack.seed_is_member and not ownership.handed_over and (why := await self._again(cloud, stack)):
            return Todo(why)
        if not self._clouds_written(cloud):
            return Todo(f"{CLOUDS} is not written")
        return Done({"stack": stack.id, "status": stack.status, "servers": stack.servers})

    async def apply(self, report: Report) -> None:
        cloud = cloud_of(self.context)
        write_clouds(cloud.access, self.context.state_dir / CLOUDS)
        watched = Deployment(
            self.context, cloud, report, open_images(self.context.images_dir).golden.size, self.look_every
        )
        while True:
            stack = await heat.stack(cloud)
            if stack is not None and not stack.seed_is_member:
                break
            if stack is not None and stack.complete and not await self._again(cloud, stack):
                break
            if stack is None or stack.settled or stack.status == "DELETE_IN_PROGRESS":
                await self._begin(cloud, stack, watched, report)
            try:
                await watched.watch((_MINUTES + 5) * 60)
                if not orders.pending(self.context.state_dir, self.context.site.name):
                    break
            except SeedvmError as error:
                if not orders.pending(self.context.state_dir, self.context.site.name):
                    raise
                report.log(f"failed: {error}; a pending request applies to it", node=error.machine)
        for order in orders.pending(self.context.state_dir, self.context.site.name):
            report.log("request ignored: the deployment has already finished", node=order.node)
            orders.done(self.context.state_dir, order)
        await recovery.put_aside(cloud, self.context.site.name, report)

    def _clouds_written(self, cloud: Cloud) -> bool:
        try:
            return bool(yaml.safe_load((self.context.state_dir / CLOUDS).read_text()) == cloud.access.clouds())
        except OSError:
            return False

    async def _begin(self, cloud: Cloud, stack: heat.Stack | None, watched: Deployment, report: Report) -> None:
        """Create the stack, or try again what failed of it, after the operator's orders were obeyed."""
        await self._prepare(cloud)
        if stack is not None and stack.status != "DELETE_IN_PROGRESS":
            await watched.rest(_MINUTES * 60)
        servers = await self._servers(cloud, stack)
        obeyed = await self._obey(cloud, servers, report)
        if stack is not None and stack.status != "DELETE_IN_PROGRESS":
            servers = await self._servers(cloud, stack)
            for lost in await self._lost(cloud, stack):
                if lost.status.endswith("COMPLETE"):
                    await heat.mark_unhealthy(cloud, lost, "its server does not exist in Nova")
        if stack is not None and not any(one.made for one in servers):
            report.log(f"no server of the stack ever ran ({stack.status}): the stack is created again")
            if stack.status != "DELETE_IN_PROGRESS":
                await heat.delete(cloud, stack)
            await _wait_for(lambda: self._gone(cloud), _CLEAR_SECONDS, "the failed stack was not deleted")
            stack, servers = None, ()
        for one in servers:
            if one.status == "ERROR":
                report.log(f"deleting the server {one.name}, which failed before it ran: {one.fault}", node=one.name)
                await nova.clear(cloud, one)
        running = [one for one in servers if one.made]
        made = await wanted(self.context, cloud, running)
        stay = {one.name for one in running}
        machines = {one.machine for one in made.parameters.nodes if one.present and one.name not in stay}
        _tell_kept(made, running, report)
        await recovery.take_back(cloud, self.context.site.name, machines, report)
        report.log(f"waiting for Nova to offer {len(machines)} machines")
        await _wait_for(lambda: self._room(cloud, machines), _ROOM_SECONDS, "Nova does not offer the machines")
        for order in obeyed:  # before the machines are at work again: an order that waits ends what seems to hang
            orders.done(self.context.state_dir, order)
        if stack is None:
            await heat.create(cloud, heat.template(), encode_record(made.parameters), minutes=_MINUTES)
        else:
            report.log(
                "the stack is updated: " + (stack.reason if not stack.complete else "what is missing is made again")
            )
            await heat.update(cloud, stack, heat.template(), encode_record(made.parameters), minutes=_MINUTES)

    async def _obey(self, cloud: Cloud, servers: tuple[nova.Server, ...], report: Report) -> list[orders.Order]:
        """Obey the orders that wait. One that may not be obeyed is taken away, so that it does not stop the next run as well."""
        site, state_dir = self.context.site, self.context.state_dir
        waiting = _one_by_one(orders.pending(state_dir, site.name))
        for order in waiting:
            try:
                report.log(f"requested: {order}", node=order.node)
                if order.node not in {one.name for one in site.controllers}:
                    raise SeedvmError(
                        "the request names a node that the site does not have", machine=order.node, hint="seedvm status"
                    )
                running = [one for one in servers if one.name == order.node and one.made]
                if running and not await renewal.obeyable(site, order):
                    continue  # a node that runs needs no retry
                await recovery.check_spare(cloud, site.name, order)
            except SeedvmError:
                orders.done(state_dir, order)
                raise
            for server in running:
                await renewal.switch_off(cloud, site, order, server, report, self.off_seconds)
                await renewal.conductor_gone(cloud, order.node)
                await self._forget(order.node, report)
                await renewal.remove(cloud, server)
            if order.spare:
                await recovery.put_in_place(cloud, site.name, order, report)
                self._note_in_review(order.node, order.spare)
        return waiting

    async def _forget(self, node: str, report: Report) -> None:
        """A blank node may not join RabbitMQ under a name that the others know; any of them can forget it."""
        members = self.members or Members.of(self.context)
        for one in members.nodes:
            if one.name != node and await renewal.answers(self.context.site, one.name):
                await wait_for(
                    partial(members.ask_one, one, verbs.FORGET, ForgetRequest(node), timeout=180),
                    seconds=_FORGET_SECONDS,
                    what=f"RabbitMQ on {one.name} did not take it out of its cluster",
                    machine=node,
                    hint=f"on {one.name}: rabbitmqctl cluster_status; then run again",
                    pause=_LOOK_EVERY,
                )
                report.log("taken out of the cluster of messages", node=node)
                return

    async def _again(self, cloud: Cloud, stack: heat.Stack) -> str:
        """Why a stack that stands is worked on again; empty where it is not."""
        for order in orders.pending(self.context.state_dir, self.context.site.name):
            if order.spare or order.wipe or not await renewal.answers(self.context.site, order.node):
                return f"requested: {order}"
        lost = await self._lost(cloud, stack)
        return f"the server of node {lost[0].index} does not exist" if lost else ""

    async def _lost(self, cloud: Cloud, stack: heat.Stack) -> tuple[heat.Resource, ...]:
        """Servers that Heat has an id of, and Nova has not: also such as an earlier run has marked for Heat already."""
        there = {one.id for one in await nova.servers(cloud)}
        made = [one for one in await heat.resources(cloud, stack) if one.kind == SERVER and one.physical]
        return tuple(one for one in made if one.physical not in there)

    def _note_in_review(self, node: str, spare: orders.Spare) -> None:
        review = read_review(self.context.state_dir)
        if review is not None:
            write_private(self.context.state_dir / REVIEW, text_of(review.swapped(node, spare.bmc)))

    async def _prepare(self, cloud: Cloud) -> None:
        """The site's key pair and the flavor that only the undercloud's machines satisfy."""
        site, golden = self.context.site, open_images(self.context.images_dir).golden
        key = self.context.secrets.generated.ssh_public_key.strip()
        if await nova.keypair(cloud, key_name(site.name)) is None:
            await nova.make_keypair(cloud, key_name(site.name), key)
        specs = {
            f"resources:{nova.RESOURCE_CLASS}": "1",
            "resources:VCPU": "0",
            "resources:MEMORY_MB": "0",
            "resources:DISK_GB": "0",
            f"trait:{TRAIT}": "required",
        }
        # What the flavor says of CPU and memory is for quotas alone: a machine is always given whole.
        disk = max(site.undercloud.needs.disk_gib, math.ceil(golden.size / 2**30))
        await nova.make_flavor(cloud, FLAVOR, disk_gib=disk, memory_mib=1024, cpus=1, specs=specs)

    async def _servers(self, cloud: Cloud, stack: heat.Stack | None) -> tuple[nova.Server, ...]:
        """The servers of the stack, and those of its names that a stack which is gone left behind."""
        if stack is None:
            return ()
        ids = {one.physical for one in await heat.resources(cloud, stack) if one.kind == SERVER and one.physical}
        return tuple(one for one in await nova.servers(cloud) if one.id in ids)

    async def _gone(self, cloud: Cloud) -> bool | NotYet:
        stack = await heat.stack(cloud)
        if stack is None:
            return True
        if stack.status == "DELETE_FAILED":
            await heat.delete(cloud, stack)
        return NotYet(f"the stack is {stack.status}")

    async def _room(self, cloud: Cloud, machines: set[str]) -> bool | NotYet:
        known, room = await nova.hypervisors(cloud), await nova.room(cloud, TRAIT)
        missing = machines - (known & room)
        return NotYet(f"not offered yet: {', '.join(sorted(missing))}") if missing else True


def _one_by_one(waiting: Sequence[orders.Order]) -> list[orders.Order]:
    """The orders that may be obeyed together: of nodes that run and are to be written again, one."""
    wiping = [one for one in waiting if one.wipe]
    return [one for one in waiting if not one.wipe or one is wiping[0]]


def _tell_kept(made: Wanted, running: Sequence[nova.Server], report: Report) -> None:
    """Say which nodes keep an older image, and how they get the newest."""
    for one in running:
        if one.image and one.image != made.golden:
            hint = f"seedvm node retry {one.name} --yes-wipe {made.parameters.site} writes it again with the newest"
            report.log(f"it keeps the golden image {one.image} that it runs; {hint}", node=one.name)


async def _wait_for(look: Callable[[], Awaitable[bool | NotYet]], seconds: float, what: str) -> None:
    hint = "run again; openstack baremetal node list shows the machines"
    await wait_for(look, seconds=seconds, what=what, hint=hint, pause=_LOOK_EVERY, passing=NO_ERROR)
