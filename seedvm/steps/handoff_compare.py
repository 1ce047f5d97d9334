"""The hand-off's COMPARE: every member holds the same, seen in the open, while everybody works. It refuses an empty comparison.

FENCE looks once more at what may have changed since, with writes refused; here the long part is done, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import canary, compare, hold, image_files, tables
from seedvm.handoff.members import Members
from seedvm.handoff.record import Canary, Compared, Record
from seedvm.member import verbs
from seedvm.member.secrets import KINDS, WITHOUT, SecretsRequest

_FRESH_SECONDS = 1800.0


@dataclass(frozen=True)
class Compare:
    """Tables, images and secrets are the same on the seed and on every node."""

    members: Members
    name: ClassVar[str] = "handoff-compare"
    title: ClassVar[str] = "COMPARE: every table, image and secret on every node"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 15

    async def check(self) -> Verdict:
        if await self.members.committed():
            return Done({"committed": True})
        known = self.members.record()
        compared = known.compared
        if compared is None or known.canary is None:
            return Todo("the members have not been compared")
        if not 0 <= time.time() - compared.at <= _FRESH_SECONDS:
            return Todo("the members were compared long ago")
        counts = {"tables": compared.tables, "rows": compared.rows, "images": len(compared.images)}
        return Done({**counts, "secrets": dict(compared.secrets), "seqno": compared.seqno})

    async def apply(self, report: Report) -> None:
        report.phase("COMPARE", "started")
        # What an attempt before this one has left would have everybody wait for this comparison.
        await hold.take_back_left(self.members, report)
        self.members.save(Record(attempt=self.members.record().attempt))
        try:
            api = await self.members.login(self.members.seed.address)
            made = await in_thread(lambda: canary.make(api, self.members.secrets.generated.handoff_key))
            async with asyncio.TaskGroup() as group:
                tables_task = group.create_task(tables.agreed(self.members, report))
                images_task = group.create_task(image_files.compared(self.members, api, report))
                secrets_task = group.create_task(self._secrets(api, made, report))
        except BaseException:
            report.phase("COMPARE", "failed")
            raise
        snapshot, images, secrets = tables_task.result(), images_task.result(), secrets_task.result()
        databases = compare.by_database(snapshot.tables)
        compared = Compared(
            None,
            snapshot.seqno,
            databases,
            images,
            secrets.kinds,
            secrets.without_password,
            time.time(),
            snapshot.moving,
        )
        self.members.save(replace(self.members.record(), canary=made, compared=compared))
        total = sum(secrets.kinds.values())
        told = f"{len(snapshot.tables)} tables, {len(images)} images, {total} secrets on every member"
        report.phase("COMPARE", "done", told)

    async def _secrets(self, api: Client, made: Canary, report: Report) -> _Decrypted:
        """What every member could decrypt, to the same value."""
        token, key = api.token, self.members.secrets.generated.handoff_key

        def request(machine: SshHost) -> SecretsRequest:
            return SecretsRequest(machine.name, machine.address, token, made.id, key)

        said = await self._agreed(request)
        items = said[self.members.seed.name]
        if items[f"{KINDS[0]} {made.id}"] != made.seal:
            raise SeedvmError("Keystone's credential does not decrypt to the original value")
        kinds = {kind: sum(item.startswith(kind) for item in items) for kind in KINDS}
        report.fact("secrets_proven", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        without = tuple(sorted(item.removeprefix(WITHOUT) for item in items if item.startswith(WITHOUT)))
        if without:
            report.log(
                f"Ironic nodes without a BMC password, of which nothing could be decrypted: {', '.join(without)}"
            )
        return _Decrypted(kinds, without)

    async def _agreed(self, request: Callable[[SshHost], SecretsRequest]) -> dict[str, dict[str, str]]:
        """What each member said, once all say the same. A stack that comes or goes meanwhile is not the same difference twice."""
        everybody, before = (self.members.seed, *self.members.nodes), tuple[str, ...]()
        while True:
            said = await self.members.ask_each(verbs.SECRETS, request, of=everybody, timeout=120)
            different = compare.differences(said)
            if not different:
                return said
            if different == before:
                raise SeedvmError(
                    "secrets differ", why="; ".join(different[:5]), hint="check that the node's keys match the site"
                )
            before = different


@dataclass(frozen=True)
class _Decrypted:
    """How many secrets of each kind; the Ironic nodes that have no BMC password."""

    kinds: Mapping[str, int]
    without_password: tuple[str, ...]
