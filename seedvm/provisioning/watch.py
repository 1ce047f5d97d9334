"""Watching the undercloud's stack until it settles: lanes, Heat's resources, orders that end a hanging node, and the words of a failure.

It reads, and ends a deployment that hangs when the operator ordered so; it changes nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from seedvm.base.errors import SeedvmError
from seedvm.base.tcp import connects
from seedvm.cloud import heat, ironic, nova
from seedvm.cloud.connection import Cloud
from seedvm.cloud.ssh import Ssh, SshHost, way_in
from seedvm.controller import sockets
from seedvm.engine.step import Context, Report
from seedvm.provisioning import recovery
from seedvm.provisioning.phases import (
    DEPLOYMENT,
    SERVER,
    NodeFailure,
    NodeProgress,
    failure,
    place,
    resource_paths,
    stage,
)
from seedvm.provisioning.progress import Lanes
from seedvm.services.load import installed
from seedvm.site import orders

_MEASURE_EVERY = 1.0
_SSH = 22  # the node's own system; a ramdisk listens elsewhere
_STAGE_SECONDS = 8.0


@dataclass
class Deployment:
    """One stack being made. `image_bytes` is the golden image's size, `look_every` seconds are between two looks."""

    context: Context
    cloud: Cloud
    report: Report
    image_bytes: int
    look_every: float = 5.0
    _told: dict[str, tuple[str, str]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _faults: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lanes = Lanes(self.report, self.image_bytes)
        way = way_in(self.context.secrets.generated.ssh_private_key)
        # A node that is deployed again has another host key: what is learned here counts for this deployment alone.
        self._ssh = Ssh(way.key_file, way.key_file.with_name("known_hosts.deploy"))
        self._ssh.known_hosts.unlink(missing_ok=True)

    async def watch(self, seconds: float) -> None:
        """Until the stack is complete; SeedvmError, with the node and its words, where it failed and the other machines are at rest."""
        stack, resources = await self._at_rest(seconds)
        if stack is None:
            raise SeedvmError(
                "the stack undercloud no longer exists", why="it was deleted during the deployment", hint="run again"
            )
        if not stack.complete:
            raise await self._explained(stack, resources)

    async def rest(self, seconds: float) -> None:
        """Until no server of the stack is being built: what still grows is not to be replaced by an update."""
        await self._at_rest(seconds)

    async def _at_rest(self, seconds: float) -> tuple[heat.Stack | None, tuple[heat.Resource, ...]]:
        """Heat gives up at the first machine that fails; the others are built on all the same, and are looked at to their end."""
        deadline, explained = time.monotonic() + seconds, False
        async with self._measured():
            while (stack := await heat.stack(self.cloud)) is not None:
                resources = await heat.resources(self.cloud, stack)
                await self._look(resources)
                building = [] if stack.complete else await self._building(resources)
                if stack.settled and not building:
                    return stack, resources
                if stack.settled and not explained:
                    explained, failed = True, await self._explained(stack, resources)
                    self.report.log(f"{failed.what}: {failed.why}; the other nodes continue", node=failed.machine)
                if time.monotonic() > deadline:
                    why = f"the stack is still {stack.status} after {seconds:.0f} s"
                    names = ", ".join(building) or None
                    raise SeedvmError("timed out waiting for the deployment", machine=names, why=why, hint="retry it")
                await asyncio.sleep(self.look_every)
        return None, ()

    async def _building(self, resources: tuple[heat.Resource, ...]) -> list[str]:
        mine = {one.physical for one in resources if one.physical}
        return [one.name for one in await nova.servers(self.cloud) if one.id in mine and one.status == "BUILD"]

    @contextlib.asynccontextmanager
    async def _measured(self) -> AsyncIterator[None]:
        """Meanwhile what is written is measured."""
        measuring = asyncio.create_task(self._measure())
        try:
            yield
        finally:
            measuring.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await measuring

    async def _look(self, resources: tuple[heat.Resource, ...]) -> None:
        """Tell every lane and every resource that changed, and end what hangs where that was ordered."""
        nodes = {node.title: node for node in await ironic.nodes(self.cloud, self.context.site.name)}
        self._tell_resources(resources)
        for one in self.context.site.controllers:
            if one.name not in nodes:
                continue
            own = {found.kind: found for found in resources if found.index == one.index}
            node = nodes[one.name]
            up = node.state == "active" and await connects(str(one.address), _SSH)
            now = place(node, own, answers=up)
            if now.phase == "configure":
                now = NodeProgress("configure", await self._stage(one.name, str(one.address)))
            elif now.phase == "failed" and (server := own.get(SERVER)) and server.status.endswith("FAILED"):
                now = NodeProgress("failed", await self._fault(node, server) or now.detail)
            self._lanes.set(one.name, now, node.agent, time.monotonic())
        self.report.progress(round(self._lanes.share(), 1), 100, "percent of the deployment")
        await self._obey(nodes)

    async def _fault(self, node: ironic.Node, server: heat.Resource) -> str:
        """Why a server failed, by Ironic or else by Nova: each service quotes the one below it, cut short. Asked once."""
        if server.physical not in self._faults:
            found = [one for one in await nova.servers(self.cloud) if one.id == server.physical]
            faults = [await ironic.last_fault(self.cloud, node.id, one.created) or one.fault for one in found]
            self._faults[server.physical] = "".join(faults)
        return self._faults[server.physical]

    def _tell_resources(self, resources: tuple[heat.Resource, ...]) -> None:
        names = {one.index: one.name for one in self.context.site.controllers}
        for path, one in resource_paths(resources, names):
            if self._told.get(path) != (one.status, one.reason):
                self._told[path] = (one.status, one.reason)
                self.report.resource(path, one.kind, one.status, one.reason if one.status.endswith("FAILED") else "")

    async def _obey(self, nodes: dict[str, ironic.Node]) -> None:
        """An order for a node that hangs ends its deployment now, once; the rest of the order waits until the stack settles."""
        for order in orders.pending(self.context.state_dir, self.context.site.name):
            node = nodes.get(order.node)
            if node is not None and recovery.hangs(node) and order.node not in self._ended:
                self._ended.add(order.node)
                await recovery.set_free(self.cloud, node, self.report)

    async def _measure(self) -> None:
        """What each writing node received of the image, every second while one writes."""
        image_port = installed().service("ironic").fenced_ports["images"]
        while True:
            if self._lanes.writing:
                with contextlib.suppress(SeedvmError):  # no figure this second
                    self._lanes.measured(time.monotonic(), await sockets.received(image_port))
            await asyncio.sleep(_MEASURE_EVERY)

    async def _stage(self, name: str, address: str) -> str:
        """Which service a node is configuring right now, from its own processes."""
        words = ["pgrep", "-a", "-f", "/os-refresh-config/"]
        try:
            said = await self._ssh.run(SshHost(name, address), words, timeout=_STAGE_SECONDS, check=False)
        except SeedvmError:
            return "its own system is up"
        return stage(said.stdout)

    async def _explained(self, stack: heat.Stack, resources: tuple[heat.Resource, ...]) -> SeedvmError:
        words = {
            one.physical: await heat.deployment_words(self.cloud, one.physical)
            for one in resources
            if one.kind == DEPLOYMENT and one.status.endswith("FAILED") and one.physical
        }
        names = {one.index: one.name for one in self.context.site.controllers}
        said: NodeFailure = failure(names, resources, words, self._faults, stack.reason)
        hint = "run seedvm run to retry what failed"
        if said.node:
            addresses = {one.name: one.address for one in self.context.site.controllers}
            hint = f"run seedvm node retry {said.node}, or node replace, or node drop; then seedvm run"
            if said.node in addresses and said.configuring:
                hint += f"; on the node: ssh root@{addresses[said.node]} journalctl -u os-collect-config"
        return SeedvmError(said.what, machine=said.node or None, why=said.why or stack.reason, hint=hint)
