"""The hand-off's RECEIPT: what was proven, signed.

Refused for a rehearsal that did not pass, or when anything that the receipt must tell was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.engine.stages import Stage
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff.members import Members
from seedvm.handoff.receipt import Member, Receipt, sign
from seedvm.handoff.receipt_page import page
from seedvm.member import verbs
from seedvm.member.notes import KeepRequest, KeptRequest
from seedvm.member.rehearse import RehearsalRequest
from seedvm.site.receipt import FILE, KEY, PAGE, verify


@dataclass(frozen=True)
class WriteReceipt:
    """The signed statement that the seed may leave, on the seed and on every node."""

    members: Members
    name: ClassVar[str] = "receipt"
    title: ClassVar[str] = "RECEIPT: the seed may leave"
    stage: ClassVar[Stage] = "handoff"
    usual_seconds: ClassVar[float] = 3

    async def check(self) -> Verdict:
        path = self.members.state_dir / FILE
        if not path.exists():
            return Todo("there is no receipt")
        receipt = verify(path.read_text(), public_key=self.members.secrets.generated.receipt_public_key)
        kept = await self.members.ask(verbs.KEPT, KeptRequest((FILE, PAGE)))
        if any(len(files) < 2 for files in kept.values()) or len({files[FILE] for files in kept.values()}) != 1:
            return Todo("not every node has the receipt")
        return Done({"verdict": receipt.verdict, "time": receipt.time})

    async def apply(self, report: Report) -> None:
        report.phase("RECEIPT", "started")
        rehearsals = (await self.members.ask(verbs.REHEARSAL, RehearsalRequest())).values()
        passed = next((one for one in rehearsals if one.passed), None)
        if passed is None:
            raise SeedvmError("no receipt can be written: no rehearsal has passed")
        receipt = Receipt.of(
            site=self.members.site.name,
            time=datetime.now(UTC),
            seed=self.members.seed.address,
            vip=self.members.vip,
            members=[Member(node.name, node.address) for node in self.members.nodes],
            record=self.members.record(),
            rehearsal=passed,
        )
        text = sign(receipt, self.members.secrets.generated.receipt_key)
        files = {KEY: self.members.secrets.generated.receipt_public_key, PAGE: page(receipt), FILE: text}
        await self.members.ask(verbs.KEEP, KeepRequest(files))
        for name, content in files.items():
            write_private(self.members.state_dir / name, content)
        await self.members.note("RECEIPT", "done", verdict=receipt.verdict)
        report.log(receipt.verdict)
        report.phase("RECEIPT", "done", "signed; stored on the seed and on every node")
