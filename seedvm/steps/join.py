"""join: the nodes are members of the seed's Galera, have a RabbitMQ cluster of their own, and every service answers on every node.

Nodes do all of it themselves; `apply` waits and reports what is still missing. It refuses to repair a node, its
clock excepted; one that is dead it names, with the order that replaces it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.tcp import connects
from seedvm.base.waiting import Hopeless, TimedOut, wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import kept, services
from seedvm.handoff.members import Members
from seedvm.member import verbs
from seedvm.member.images import ImagesRequest, StoredImage
from seedvm.member.status import MemberStatus
from seedvm.site import orders

_WORKERS = ("ironic-conductor", "heat-engine", "nova-conductor", "nova-scheduler")
_JOIN_SECONDS = 420.0
_CLOCK_SECONDS = 3.0  # Ironic takes a conductor that is 60 s behind for dead, tokens and leases bear less
_IMAGE_SECONDS = 900.0
_CLOCK = "its clock is"
_DEAD_SECONDS = 90.0  # Ironic powers a node on again within a minute; a server's firmware may take longer still


@dataclass(frozen=True)
class Join:
    """Every node is a whole controller beside the seed."""

    members: Members
    join_seconds: float = _JOIN_SECONDS
    look_every: float = 3.0
    dead_seconds: float = _DEAD_SECONDS
    name: ClassVar[str] = "join"
    title: ClassVar[str] = "The nodes join the seed's cluster"
    stage: ClassVar[Stage] = "join"
    usual_seconds: ClassVar[float] = 40

    async def check(self) -> Verdict:
        if await self.members.committed():
            return Done({"committed": True})
        if silent := await self._silent():
            return Todo("; ".join(f"{node.name} does not answer at {node.address}" for node in silent))
        try:
            missing = await self._missing()
        except SeedvmError as error:
            return Todo(str(error))
        if missing:
            return Todo("; ".join(missing[:4]))
        if lacking := await kept.lacking(self.members):
            return Todo(f"not on every node yet: {', '.join(lacking)}")
        members = [self.members.seed.name, *(node.name for node in self.members.nodes)]
        return Done({"cluster_size": len(members), "members": members, "images": len(await self._images())})

    async def apply(self, report: Report) -> None:
        report.phase("JOIN", "started")
        self.members.transport.forget_host_keys()
        for node in self.members.nodes:
            report.node(node.name, "joined", detail="waiting for its services")
        reported: list[str] = []
        silence = Silence(self.members.site.name, self.members.state_dir, report, self.dead_seconds)
        corrected: set[str] = set()

        async def whole() -> bool:
            missing = silence.heard(await self._silent(), time.monotonic()) or await self._missing()
            await set_clocks(self.members, missing, corrected, report)
            if missing != reported:
                reported[:] = missing
                names = [node.name for node in self.members.nodes]
                ready = [name for name in names if not any(one.startswith(f"{name}:") for one in missing)]
                report.fact("members_whole", f"{len(ready)} of {len(names)}")
                report.phase("JOIN", "started", missing[0] if missing else "every member is complete")
                report.log("still missing: " + "; ".join(missing[:3]) if missing else "every member is complete")
            return not missing

        try:
            await wait_for(
                whole,
                seconds=self.join_seconds,
                what="the nodes did not join",
                hint="on a node: seedvm member status",
                pause=self.look_every,
            )
        except TimedOut as error:
            raise silence.explained(error, time.monotonic()) from None
        # From here on the seed may be lost: what the hand-off needs of it is on every node, and the recovery key opens it.
        await kept.keep(self.members)
        await self.members.note("JOIN", "done")
        report.log(
            "every node keeps the site, sealed: if this seed is lost, its recovery key opens it (seedvm bundle key)"
        )
        report.fact("members_whole", f"{len(self.members.nodes)} of {len(self.members.nodes)}")
        report.fact("vip_holder", self.members.seed.name)
        report.phase("JOIN", "done", f"{len(self.members.nodes) + 1} members in one cluster, including the seed")

    async def _silent(self) -> tuple[SshHost, ...]:
        """Nodes that take no connection."""
        nodes = self.members.nodes
        up = await asyncio.gather(*(connects(node.address, 22) for node in nodes))
        return tuple(node for node, answers in zip(nodes, up, strict=True) if not answers)

    async def _missing(self) -> list[str]:
        """What keeps the members from being whole."""
        seed, nodes = self.members.seed, self.members.nodes
        before = time.time()
        statuses = await self.members.status(seed=True)
        found = clocks_apart(statuses, before, time.time())
        found += missing_of_members(statuses, [node.name for node in nodes], seed.name)
        if found:
            return found
        api = await self.members.login(nodes[0].address)
        found = missing_workers(await in_thread(lambda: services.alive(api)), [node.name for node in nodes])
        found = found or await self._untold(api)
        return found or missing_images(
            await self._images(), await self.members.ask(verbs.IMAGES, ImagesRequest(), timeout=_IMAGE_SECONDS)
        )

    async def _untold(self, api: Client) -> list[str]:
        """Nodes whose own APIs do not list the very same things as the seed's."""
        seed = await in_thread(lambda: services.ids(api.at(self.members.seed.address, name=self.members.seed.name)))
        looks = [in_thread(partial(services.ids, api.at(node.address, name=node.name))) for node in self.members.nodes]
        listed = dict(zip((node.name for node in self.members.nodes), await asyncio.gather(*looks), strict=True))
        return [
            f"{name}: its APIs do not list {what}"
            for name, one in listed.items()
            for what in services.changed(seed, one)
        ]

    async def _images(self) -> dict[str, str]:
        """Image id -> SHA-512 as Glance knows it."""
        api = await self.members.login(self.members.seed.address)
        return {one.id: one.sha512 for one in await in_thread(lambda: services.images(api))}


@dataclass
class Silence:
    """Since when nodes have been silent, and what the operator can do about it: a node that is dead comes back by an order alone."""

    site: str
    state_dir: Path
    report: Report
    dead_seconds: float
    since: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def heard(self, silent: Sequence[SshHost], now: float) -> list[str]:
        """A sentence for each silent node (`now` is monotonic). Ends the wait where one of them was ordered to begin again."""
        self.since = {node.name: self.since.get(node.name, now) for node in silent}
        for order in orders.pending(self.state_dir, self.site):
            if order.node in self.since:
                raise Hopeless(
                    f"{order.node} does not answer", machine=order.node, why=f"requested: {order}", hint="run again"
                )
        for name in set(self.since) - self.told:
            if now - self.since[name] >= self.dead_seconds:
                self.told.add(name)
                self.report.log(
                    f"no answer for {self.dead_seconds:.0f} s. Switch it on; if it is dead: {_cure(name)}", node=name
                )
        return [f"{node.name}: no answer at {node.address}" for node in silent]

    def explained(self, error: SeedvmError, now: float) -> SeedvmError:
        """The error at the end of the wait: with the nodes that were silent to the last."""
        if not self.since:
            return error
        silent = ", ".join(f"{name} for {now - since:.0f} s" for name, since in self.since.items())
        first, *_ = self.since
        return SeedvmError(
            "the nodes did not join",
            machine=", ".join(self.since),
            why=f"no connection to SSH: {silent}",
            hint=f"switch it on and run again; if it is dead: {_cure(first)}",
        )


def _cure(node: str) -> str:
    return f"seedvm node replace {node} (a spare takes its place), then seedvm run"


def clocks_apart(statuses: Mapping[str, MemberStatus], before: float, after: float) -> list[str]:
    """Members whose clock is further from the seed's than the services bear; they were asked between `before` and `after` (the seed's
    clock, seconds since the epoch)."""
    found = []
    for name, said in statuses.items():
        behind = before - said.clock if said.clock is not None else 0.0
        ahead = said.clock - after if said.clock is not None else 0.0
        if max(behind, ahead) > _CLOCK_SECONDS:
            way = "behind" if behind > ahead else "ahead of"
            found.append(
                f"{name}: {_CLOCK} {max(behind, ahead):.0f} s {way} the seed's; on it: systemctl restart chrony"
            )
    return found


async def set_clocks(members: Members, missing: Sequence[str], corrected: set[str], report: Report) -> None:
    """Have each member whose clock is off set it again, once: chrony steps a clock only after it has started. `corrected` are names."""
    found = {line.partition(":")[0] for line in missing if _CLOCK in line}
    for node in members.nodes:
        if node.name in found - corrected:
            corrected.add(node.name)
            report.log("its clock is set again, from the seed's", node=node.name)
            with contextlib.suppress(SeedvmError):  # it is named as long as it is off
                await members.transport.run(node, ["systemctl", "restart", "chrony.service"], timeout=60)


def missing_of_members(statuses: Mapping[str, MemberStatus], nodes: Sequence[str], seed: str) -> list[str]:
    """What `member status` of all members says that is not yet as it must be; `seed` is a member of Galera alone."""
    found = []
    for name, said in statuses.items():
        found += [f"{name}: {what}: {why}" for what, why in said.broken.items()]
        galera, rabbit = said.galera, said.rabbit
        if galera and (not galera.healthy or galera.cluster_size != len(nodes) + 1):
            found.append(f"{name}: Galera {galera.state}, {galera.cluster_status}, {galera.cluster_size} members")
        found += [f"{name}: {service}: {state}" for service, state in (said.apis or {}).items() if state != "up"]
        if name != seed and rabbit is not None and sorted(rabbit) != sorted(nodes):
            found.append(f"{name}: RabbitMQ runs on {', '.join(rabbit) or 'no member'}")
    if len({said.galera.uuid for said in statuses.values() if said.galera}) > 1:
        found.append("the members belong to different Galera clusters")
    return found


def missing_workers(alive: Mapping[str, Sequence[str]], nodes: Sequence[str]) -> list[str]:
    """Workers that every node must have and that are not alive."""
    return [f"{node}: no {kind} is alive" for kind in _WORKERS for node in nodes if node not in alive[kind]]


def missing_images(wanted: Mapping[str, str], held: Mapping[str, Mapping[str, StoredImage]]) -> list[str]:
    """Image files that a node lacks or holds damaged."""
    if not wanted:
        return ["Glance has no images"]
    return [
        f"{node}: image {image} is {'damaged' if image in files else 'missing'}"
        for node, files in held.items()
        for image, sha512 in wanted.items()
        if image not in files or files[image].sha512 != sha512
    ]
