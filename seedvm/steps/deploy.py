"""The undercloud's stack: Heat, Nova and Ironic write the golden image, and the nodes configure themselves and say so.

It refuses to touch a stack that works or that was told that the seed is gone, and to delete one in which a server ever ran.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.json_tree import JSON
from seedvm.base.typed_json import encode_record
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.cloud import glance, heat, ironic, neutron, nova
from seedvm.cloud.connection import Cloud, write_clouds
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.machines.selection import TRAIT
from seedvm.provisioning import recovery
from seedvm.provisioning.images import open_images
from seedvm.provisioning.metadata import NodeMetadata, stack_metadata
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.provisioning.phases import SERVER
from seedvm.provisioning.watch import Deployment
from seedvm.site import orders
from seedvm.site.review import REVIEW, read_review, text_of

FLAVOR = "undercloud"
NETWORK = "provisioning"
CLOUDS = "clouds.yaml"
_MINUTES = 60
_ROOM_SECONDS = 240.0
_CLEAR_SECONDS = 300.0
_LOOK_EVERY = 5.0


@dataclass(frozen=True)
class StackNode(NodeMetadata):
    """A node with the id of its machine in Ironic, empty for a node that was dropped."""

    machine: str


@dataclass(frozen=True)
class StackParameters:
    """The parameters of the undercloud's Heat template, under its names."""

    site: str
    node_count: int
    nodes: tuple[StackNode, ...]
    image: str
    flavor: str
    network: str
    key_name: str
    seed_is_member: bool
    shared: Mapping[str, JSON]
    with_seed: Mapping[str, JSON]
    without_seed: Mapping[str, JSON]


@dataclass(frozen=True)
class DeployStep:
    """The stack `undercloud` is complete: every node is deployed, configured, and has signalled so."""

    context: Context
    name: ClassVar[str] = "deploy"
    title: ClassVar[str] = "Deploy the undercloud"
    stage: ClassVar[Stage] = "deploy"
    usual_seconds: ClassVar[float] = 240.0
    look_every: float = 5.0

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
            if stack is not None and (stack.complete or not stack.seed_is_member):
                break
            if stack is None or stack.settled or stack.status == "DELETE_IN_PROGRESS":
                await self._begin(cloud, stack, watched, report)
            try:
                await watched.watch((_MINUTES + 5) * 60)
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
        if stack is not None and not any(one.status == "ACTIVE" for one in servers):
            report.log(f"no server of the stack ever ran ({stack.status}): the stack is created again")
            if stack.status != "DELETE_IN_PROGRESS":
                await heat.delete(cloud, stack)
            await _wait_for(lambda: self._gone(cloud), _CLEAR_SECONDS, "the failed stack was not deleted")
            stack, servers = None, ()
        for one in servers:
            if one.status == "ERROR":
                report.log(f"deleting the server {one.name}, which failed before it ran: {one.fault}", node=one.name)
                await nova.clear(cloud, one)
        running = {one.name for one in servers if one.status == "ACTIVE"}
        parameters = await self._parameters(cloud)
        wanted = {one.machine for one in parameters.nodes if one.present and one.name not in running}
        await recovery.take_back(cloud, self.context.site.name, wanted, report)
        report.log(f"waiting for Nova to offer {len(wanted)} machines")
        await _wait_for(lambda: self._room(cloud, wanted), _ROOM_SECONDS, "Nova does not offer the machines")
        for order in obeyed:  # before the machines are at work again: an order that waits ends what seems to hang
            orders.done(self.context.state_dir, order)
        if stack is None:
            await heat.create(cloud, heat.template(), encode_record(parameters), minutes=_MINUTES)
        else:
            report.log(f"retrying what failed: {stack.reason}")
            await heat.update(cloud, stack, heat.template(), encode_record(parameters), minutes=_MINUTES)

    async def _obey(self, cloud: Cloud, servers: tuple[nova.Server, ...], report: Report) -> list[orders.Order]:
        """Obey the orders that wait. One that may not be obeyed is taken away, so that it does not stop the next run as well."""
        site, state_dir = self.context.site, self.context.state_dir
        waiting = list(orders.pending(state_dir, site.name))
        for order in waiting:
            try:
                report.log(f"requested: {order}", node=order.node)
                if order.node not in {one.name for one in site.controllers}:
                    raise SeedvmError(
                        "the request names a node that the site does not have", machine=order.node, hint="seedvm status"
                    )
                if any(one.name == order.node and one.status == "ACTIVE" for one in servers) and order.spare:
                    raise SeedvmError("refusing to replace a running node", machine=order.node, hint="retry it")
                if order.spare:
                    await recovery.put_in_place(cloud, site.name, order, report)
                    self._note_in_review(order.node, order.spare)
            except SeedvmError:
                orders.done(state_dir, order)
                raise
        return waiting

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

    async def _parameters(self, cloud: Cloud) -> StackParameters:
        site = self.context.site
        parts = stack_metadata(site, self.context.secrets)
        machines = {node.title: node.id for node in await ironic.nodes(cloud, site.name) if node.role == "undercloud"}
        missing = [one.name for one in parts.nodes if one.present and one.name not in machines]
        network = await neutron.network(cloud, NETWORK)
        images = [one for one in await glance.images(cloud, glance.GOLDEN) if one.status == "active"]
        if missing or network is None or not images:
            lacking = [
                *missing,
                *(["the network"] if network is None else []),
                *([] if images else ["the golden image"]),
            ]
            raise SeedvmError(
                "the stack cannot be created",
                why=f"missing: {', '.join(lacking)}",
                hint="run again; earlier steps create them",
            )
        digest = open_images(self.context.images_dir).golden.sha256
        image = next((one for one in images if one.digest == digest), images[0])
        return StackParameters(
            site=site.name,
            node_count=len(parts.nodes),
            nodes=tuple(StackNode(**vars(one), machine=machines.get(one.name, "")) for one in parts.nodes),
            image=image.id,
            flavor=FLAVOR,
            network=network.id,
            key_name=key_name(site.name),
            seed_is_member=True,
            shared=parts.shared,
            with_seed=parts.with_seed,
            without_seed=parts.without_seed,
        )

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


def key_name(site: str) -> str:
    """The site's key pair in Nova."""
    return f"seedvm-{site}"


async def _wait_for(look: Callable[[], Awaitable[bool | NotYet]], seconds: float, what: str) -> None:
    hint = "run again; openstack baremetal node list shows the machines"
    await wait_for(look, seconds=seconds, what=what, hint=hint, pause=_LOOK_EVERY, passing=NO_ERROR)
