"""The hand-off's RECEIPT: what was proven, signed.

Refused for a rehearsal that did not pass, or when anything that the receipt must tell was not measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff.members import Reach
from seedvm.handoff.receipt import Receipt, page, sign, verify


@dataclass(frozen=True)
class WriteReceipt:
    """The signed statement that the seed may leave, on the seed and on every node."""

    reach: Reach
    name: ClassVar[str] = "receipt"
    title: ClassVar[str] = "RECEIPT: the seed may leave"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 3

    async def check(self) -> Verdict:
        path = self.reach.state_dir / "receipt.json"
        if not path.exists():
            return Todo("there is no receipt")
        receipt = verify(path.read_text(), public_key=self.reach.secrets.generated.receipt_public_key)
        kept = await self.reach.ask("kept", {"names": ["receipt.json", "receipt.txt"]})
        if (
            any(len(files) < 2 for files in kept.values())
            or len({files["receipt.json"] for files in kept.values()}) != 1
        ):
            return Todo("not every node has the receipt")
        return Done({"verdict": receipt["verdict"], "time": receipt["time"]})

    async def apply(self, report: Report) -> None:
        report.phase("RECEIPT", "started")
        rehearsals = (await self.reach.ask("rehearsal", {})).values()
        passed = next((one for one in rehearsals if one.get("passed")), None)
        if passed is None:
            raise SeedvmError("no rehearsal has passed: no receipt")
        receipt = receipt_of(self.reach, {**self.reach.notes(), "rehearsal": passed}, datetime.now(UTC))
        text = sign(receipt, self.reach.secrets.generated.receipt_key)
        files = {"receipt.json": text, "receipt.txt": page(json.loads(text))}
        await self.reach.ask("keep", {"files": files})
        for name, content in files.items():
            write_private(self.reach.state_dir / name, content)
        await self.reach.record("RECEIPT", "done", verdict=receipt.verdict)
        report.log(receipt.verdict)
        report.phase("RECEIPT", "done", "signed; on the seed and on every node")


def receipt_of(reach: Reach, notes: Mapping[str, Any], now: datetime) -> Receipt:
    """The notes of all phases as a Receipt; a figure that was not measured is refused by its name."""
    wanted = (
        "ids_before",
        "ids_after",
        "ids_changed",
        "node_reboots",
        "gaps",
        "write_pause",
        "compare",
        "times",
        "vip_holder",
    )
    if absent := [name for name in wanted if notes.get(name) is None]:
        raise SeedvmError(
            "a receipt needs figures that nobody measured", why=", ".join(absent), hint="see handoff.json"
        )
    return Receipt.of(
        site=reach.site.name,
        time=now,
        seed=reach.seed.address,
        vip=reach.vip,
        members=[{"name": node.name, "address": node.address} for node in reach.nodes],
        notes=notes,
    )
