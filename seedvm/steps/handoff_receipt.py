"""The hand-off's RECEIPT: what was proven, signed.

Refused for a rehearsal that did not pass. What could not be measured is a doubt: the receipt says NO until the operator has accepted it,
and is written again when a word was given or what it names is not as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo, Verdict
from seedvm.handoff import references
from seedvm.handoff.members import Members
from seedvm.handoff.receipt import Member, Receipt, sign
from seedvm.handoff.receipt_page import page
from seedvm.member import verbs
from seedvm.member.notes import KeepRequest, KeptRequest
from seedvm.member.rehearse import RehearsalRequest
from seedvm.member.testify import TestifyRequest
from seedvm.site.doubts import accepted
from seedvm.site.evidence import fingerprint
from seedvm.site.receipt import FILE, KEY, PAGE, trusted


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
        try:
            said = trusted(self.members.state_dir, self.members.site.name)
        except SeedvmError as error:
            return Todo(f"the receipt is not to be believed and is written again: {error.what}")
        kept = await self.members.hear_most(verbs.KEPT, lambda _: KeptRequest((FILE, PAGE)))
        here = sha256(path.read_bytes()).hexdigest()
        if any(PAGE not in files or files.get(FILE) != here for files in kept.said.values()):
            return Todo("not every node has the receipt")
        named = {one.machine for one in said.doubts if one.name.startswith("silent-")}
        if lost := sorted({*kept.silent} - named):
            return Todo(f"{', '.join(lost)} does not answer any more, which the receipt does not say")
        if said.may_leave:
            return Done({"verdict": said.verdict, "time": said.time, "doubts": [one.name for one in said.doubts]})
        if not (await self._receipt()).same_as(json.loads(path.read_text())):
            return Todo("the receipt said NO, and what it names is not as it was")
        return Blocked(said.verdict, said.hint)

    async def apply(self, report: Report) -> None:
        report.phase("RECEIPT", "started")
        receipt = await self._receipt()
        public = self.members.secrets.generated.receipt_public_key
        text = sign(receipt, self.members.secrets.generated.receipt_key)
        files = {KEY: public, PAGE: page(receipt, fingerprint(public)), FILE: text}
        await self.members.ask_most(verbs.KEEP, KeepRequest(files))
        for name, content in files.items():
            write_private(self.members.state_dir / name, content)
        await self.members.note("RECEIPT", "done", verdict=receipt.verdict)
        report.fact("doubts", [one.name for one in receipt.doubts])
        report.log(receipt.verdict)
        report.phase("RECEIPT", "done", "signed; stored on the seed and on every node")

    async def _receipt(self) -> Receipt:
        """What is to be signed now; a SeedvmError where no rehearsal has passed."""
        heard = await self.members.hear_most(verbs.REHEARSAL, lambda _: RehearsalRequest())
        record = self.members.record()
        rehearsals = (*heard.said.values(), *((record.rehearsal,) if record.rehearsal else ()))
        passed = next((one for one in rehearsals if one.passed), None)
        if passed is None:
            raise SeedvmError("no receipt can be written: no rehearsal has passed")
        signed = await self.members.hear_most(verbs.TESTIFY, lambda node: self._asked(node.name, record.attempt))
        return Receipt.of(
            site=self.members.site.name,
            time=datetime.now(UTC),
            seed=self.members.seed.address,
            vip=self.members.vip,
            members=[Member(node.name, node.address) for node in self.members.nodes],
            record=record,
            rehearsal=passed,
            silent={**signed.silent, **heard.silent},
            references=await references.scan(self.members),
            words=accepted(self.members.state_dir),
            evidence=tuple(signed.said[name] for name in sorted(signed.said)),
        )

    def _asked(self, name: str, attempt: str) -> TestifyRequest:
        return TestifyRequest(self.members.site.name, attempt, name, self.members.vip)
