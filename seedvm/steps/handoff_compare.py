"""The hand-off's COMPARE: every member holds the same. It refuses an empty comparison.

It is undone by letting writes pass again, which its failure does by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.controller import galera, vip
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import compare, services
from seedvm.handoff.members import Reach
from seedvm.member.secrets import KINDS

_MARGINS = (4, 8, 14, 20, 6, 3, 2, 0)


@dataclass(frozen=True)
class Compare:
    """Tables, images and secrets are the same on the seed and on every node."""

    reach: Reach
    name: ClassVar[str] = "handoff-compare"
    title: ClassVar[str] = "COMPARE: every table, image and secret on every node"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 15

    async def check(self) -> Verdict:
        if await self.reach.committed():
            return Done({"committed": True})
        notes = self.reach.notes()
        compared = notes.get("compare")
        if not compared or compared["hold_since"] != notes.get("hold_since"):
            return Todo("the members have not been compared since writes were held")
        if not await asyncio.to_thread(vip.writes_held):
            return Todo("writes passed again after the comparison")
        return Done({name: compared[name] for name in ("tables", "rows", "images", "secrets", "seqno")})

    async def apply(self, report: Report) -> None:
        report.phase("COMPARE", "started")
        try:
            async with asyncio.TaskGroup() as group:
                tables_task = group.create_task(self._tables(report))
                images_task = group.create_task(self._images(report))
                secrets_task = group.create_task(self._secrets(report))
            snapshots, images, kinds = tables_task.result(), images_task.result(), secrets_task.result()
        except BaseException:
            await self.reach.release_writes()
            report.phase("COMPARE", "failed")
            report.log("writes pass again; nothing was handed over")
            raise
        tables = [(str(name), int(rows), int(checksum)) for name, rows, checksum in snapshots["tables"]]
        digests = compare.by_database(tables)
        self.reach.take_note(
            compare={
                "hold_since": self.reach.notes()["hold_since"],
                "seqno": snapshots["seqno"],
                "tables": len(tables),
                "rows": sum(rows for _, rows, _ in tables),
                "databases": [[one.database, one.tables, one.rows, one.sha256] for one in digests],
                "images": len(images),
                "image_list": images,
                "secrets": kinds,
            }
        )
        report.log(
            f"{len(tables)} tables, {len(images)} images and {sum(kinds.values())} secrets are the same on every member"
        )
        total = sum(kinds.values())
        report.phase("COMPARE", "done", f"{len(tables)} tables, {len(images)} images, {total} secrets on every member")

    async def _tables(self, report: Report) -> dict[str, Any]:
        """The digest on which all members agree, taken at one sequence number. A difference counts once it is seen twice."""
        members = (self.reach.seed, *self.reach.nodes)
        seen: tuple[str, ...] = ()
        for margin in _MARGINS:
            now = await asyncio.to_thread(_seqno)
            said = await self.reach.ask("digest", {"seqno": now + margin, "seconds": 20}, of=members, timeout=180)
            if late := [name for name, one in said.items() if one["missed"]]:
                report.log(f"{', '.join(late)} missed transaction {now + margin}; another one is taken")
                continue
            different = compare.differences({name: _items(one) for name, one in said.items()})
            if not different:
                report.fact("tables_compared", f"{len(said[self.reach.seed.name]['tables'])} on {len(members)} members")
                return dict(said[self.reach.seed.name])
            if again := tuple(sorted({*different} & {*seen})):
                raise SeedvmError(
                    "the members' tables differ",
                    why="; ".join(again[:5]),
                    hint="on the node: systemctl restart mariadb",
                )
            seen = different
        raise SeedvmError("the members could not be compared at one moment", why="; ".join(seen[:5]), hint="run again")

    async def _images(self, report: Report) -> list[dict[str, Any]]:
        api = await self.reach.login(self.reach.seed.address)
        wanted = await asyncio.to_thread(services.images, api)
        held = await self.reach.ask("images", timeout=600)
        reference = {one["id"]: str(one["os_hash_value"]) for one in wanted}
        found = {
            name: {image: item["sha512"] for image, item in files.items() if image in reference}
            for name, files in held.items()
        }
        if different := compare.differences({"Glance": reference, **found}):
            raise SeedvmError(
                "image files differ",
                why="; ".join(different[:5]),
                hint="on the node: systemctl start glance-image-sync",
            )
        report.fact("images_compared", f"{len(wanted)} on {len(found)} nodes")
        return [
            {"id": one["id"], "name": one["name"], "size": one["size"], "sha512": one["os_hash_value"]}
            for one in wanted
        ]

    async def _secrets(self, report: Report) -> dict[str, int]:
        """How many secrets of each kind every member could decrypt, to the same value."""
        api = await self.reach.login(self.reach.seed.address)
        canary = self.reach.notes()["canary"]
        token = api.token.reveal() if api.token else ""
        key = self.reach.secrets.generated.handoff_key.reveal()

        def request(machine: Any) -> Mapping[str, Any]:
            return {
                "name": machine.name,
                "address": machine.address,
                "token": token,
                "credential": canary["id"],
                "handoff_key": key,
            }

        said = await self.reach.ask("secrets", request, of=(self.reach.seed, *self.reach.nodes), timeout=120)
        if different := compare.differences(said):
            raise SeedvmError(
                "secrets differ", why="; ".join(different[:5]), hint="are the node's keys those of the site?"
            )
        items = said[self.reach.seed.name]
        if items[f"{KINDS[0]} {canary['id']}"] != canary["seal"]:
            raise SeedvmError("Keystone's credential does not decrypt to what was put in")
        kinds = {kind: sum(item.startswith(kind) for item in items) for kind in KINDS}
        report.fact("secrets_proven", ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        return kinds


def _seqno() -> int:
    with galera.connect(timeout=10) as connection:
        return galera.seqno(connection)


def _items(said: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): json.dumps([rows, checksum]) for name, rows, checksum in said["tables"]}
