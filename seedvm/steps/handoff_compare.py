"""The hand-off's COMPARE: every member holds the same. It refuses an empty comparison.

It is undone by letting writes pass again, which its failure does by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.cloud.connection import in_thread
from seedvm.cloud.ssh import SshHost
from seedvm.controller import vip
from seedvm.controller.galera import TableDigest
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import compare, hold, services
from seedvm.handoff.members import Members
from seedvm.handoff.record import Compared
from seedvm.handoff.services import ListedImage
from seedvm.member import verbs
from seedvm.member.digest import Digest, DigestRequest
from seedvm.member.images import ImagesRequest
from seedvm.member.secrets import KINDS, WITHOUT, SecretsRequest

_ROUNDS = 20


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
        if compared is None or compared.hold_since != known.hold_since:
            return Todo("the members have not been compared since writes were put on hold")
        if not await in_thread(vip.writes_held):
            return Todo("writes were allowed again after the comparison")
        counts = {"tables": compared.tables, "rows": compared.rows, "images": len(compared.images)}
        return Done({**counts, "secrets": dict(compared.secrets), "seqno": compared.seqno})

    async def apply(self, report: Report) -> None:
        report.phase("COMPARE", "started")
        try:
            await hold.renew()
            async with asyncio.TaskGroup() as group:
                tables_task = group.create_task(self._tables(report))
                images_task = group.create_task(self._images(report))
                secrets_task = group.create_task(self._secrets(report))
            snapshot, images, secrets = tables_task.result(), images_task.result(), secrets_task.result()
            kinds = secrets.kinds
        except BaseException:
            await hold.take_back(self.members, "COMPARE")
            report.phase("COMPARE", "failed")
            report.log("writes are allowed again; nothing was handed over")
            raise
        known, tables = self.members.record(), snapshot.tables
        if known.hold_since is None:
            raise SeedvmError("writes were allowed while the members were compared", hint="run again")
        databases = compare.by_database(tables)
        compared = Compared(known.hold_since, snapshot.seqno, databases, images, kinds, secrets.without_password)
        self.members.save(replace(known, compared=compared))
        report.log(
            f"{len(tables)} tables, {len(images)} images and {sum(kinds.values())} secrets are the same on every member"
        )
        total = sum(kinds.values())
        report.phase("COMPARE", "done", f"{len(tables)} tables, {len(images)} images, {total} secrets on every member")

    async def _tables(self, report: Report) -> Digest:
        """The seed's digest of every table, on each of which all members have agreed; `seqno` is where the comparison started."""
        rounds, agreed, start = compare.Rounds(), dict[str, TableDigest](), 0
        for number in range(_ROUNDS):
            said = await self._digests(rounds.open)
            own = said[self.members.seed.name]
            start = start or own.seqno
            rounds.heard({name: _items(one) for name, one in said.items()})
            if rounds.stuck:
                raise SeedvmError(
                    "the members' tables differ",
                    why="; ".join(rounds.stuck[:5]),
                    hint="on the node: systemctl restart mariadb",
                )
            agreed |= {one.table: one for one in own.tables}
            if not rounds.open:
                report.fact("tables_compared", f"{len(agreed)} on {len(said)} members")
                return Digest(start, tuple(agreed.values()))
            report.log(
                f"round {number + 1}: {len(agreed) - len(rounds.open)} tables agree; comparing again: {_few(rounds.open)}"
            )
        raise SeedvmError(
            "some tables never were the same on all members",
            why=f"{_few(rounds.open)} changed in each of {_ROUNDS} rounds",
            hint="stop what writes to them through the VIP, then run again",
        )

    async def _digests(self, tables: tuple[str, ...]) -> dict[str, Digest]:
        everybody = (self.members.seed, *self.members.nodes)
        return await self.members.ask_each(verbs.DIGEST, lambda _: DigestRequest(tables), of=everybody, timeout=180)

    async def _images(self, report: Report) -> tuple[ListedImage, ...]:
        api = await self.members.login(self.members.seed.address)
        wanted = await in_thread(lambda: services.images(api))
        held = await self.members.ask(verbs.IMAGES, ImagesRequest(), timeout=600)
        reference = {one.id: one.sha512 for one in wanted}
        found = {
            name: {image: item.sha512 for image, item in files.items() if image in reference}
            for name, files in held.items()
        }
        if different := compare.differences({"Glance": reference, **found}):
            raise SeedvmError(
                "image files differ",
                why="; ".join(different[:5]),
                hint="on the node: systemctl start glance-image-sync",
            )
        report.fact("images_compared", f"{len(wanted)} on {len(found)} nodes")
        return wanted

    async def _secrets(self, report: Report) -> _Decrypted:
        """What every member could decrypt, to the same value."""
        api = await self.members.login(self.members.seed.address)
        canary = self.members.record().canary
        if canary is None:
            raise SeedvmError("there is no credential to decrypt", hint="run again")
        token, key = api.token, self.members.secrets.generated.handoff_key

        def request(machine: SshHost) -> SecretsRequest:
            return SecretsRequest(machine.name, machine.address, token, canary.id, key)

        everybody = (self.members.seed, *self.members.nodes)
        said = await self.members.ask_each(verbs.SECRETS, request, of=everybody, timeout=120)
        if different := compare.differences(said):
            raise SeedvmError(
                "secrets differ", why="; ".join(different[:5]), hint="check that the node's keys match the site"
            )
        items = said[self.members.seed.name]
        if items[f"{KINDS[0]} {canary.id}"] != canary.seal:
            raise SeedvmError("Keystone's credential does not decrypt to the original value")
        kinds = {kind: sum(item.startswith(kind) for item in items) for kind in KINDS}
        report.fact("secrets_proven", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        without = tuple(sorted(item.removeprefix(WITHOUT) for item in items if item.startswith(WITHOUT)))
        if without:
            report.log(
                f"Ironic nodes without a BMC password, of which nothing could be decrypted: {', '.join(without)}"
            )
        return _Decrypted(kinds, without)


@dataclass(frozen=True)
class _Decrypted:
    """How many secrets of each kind; the Ironic nodes that have no BMC password."""

    kinds: Mapping[str, int]
    without_password: tuple[str, ...]


def _few(tables: tuple[str, ...]) -> str:
    more = f" and {len(tables) - 4} more" if len(tables) > 4 else ""
    return ", ".join(tables[:4]) + more


def _items(said: Digest) -> dict[str, str]:
    return {table: json.dumps([rows, checksum]) for table, rows, checksum in said.tables}
