"""A lab at the beginning of a later phase: what went before was done by the steps themselves, as far as it says anything."""

from __future__ import annotations

import json
from dataclasses import replace

from seedvm.base import process
from seedvm.handoff.record import VipWatch
from seedvm.member.watch import Sample
from seedvm.services.load import installed
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_compare import Compare
from seedvm.steps.handoff_own import Own
from seedvm.steps.handoff_quiesce import Quiesce
from seedvm.steps.handoff_receipt import WriteReceipt
from tests.contract.handoff.lab import Lab
from tests.contract.handoff.wire import Told


async def quiesced(lab: Lab) -> None:
    await Quiesce(lab.members).apply(Told())


async def compared(lab: Lab) -> None:
    await quiesced(lab)
    await Compare(lab.members).apply(Told())


async def fenced(lab: Lab) -> None:
    """The seed's workers are stopped, and a node has watched the VIP: two APIs, ten polls, one second without an answer."""
    await compared(lab)
    folder = lab.nodes[2].run / "seedvm"
    folder.mkdir(exist_ok=True)
    began = 1_800_000_000.0
    good = [(number, number not in (4, 5, 6, 7)) for number in range(10)]
    samples = [Sample(api, began + 0.2 * number, answered) for number, answered in good for api in ("keystone", "heat")]
    (folder / "watch.jsonl").write_text("".join(json.dumps(vars(one)) + "\n" for one in samples))
    lab.members.save(replace(lab.record, watch=VipWatch(lab.nodes[2].name, began)))
    process.run(["systemctl", "stop", *installed().units("worker")], timeout=20)


async def committed(lab: Lab) -> None:
    """The VIP is a node's."""
    await fenced(lab)
    await Commit(lab.members).apply(Told())


async def owned(lab: Lab) -> None:
    await committed(lab)
    await Own(lab.members).apply(Told())


def rehearsed(lab: Lab, *, passed: bool = True) -> None:
    """As the node that holds the VIP writes it at the end of a rehearsal."""
    parts = {"image served": {"passed": passed, "said": "kernel: 5 bytes", "seconds": 0.1}}
    said = {"token": "t", "member": lab.nodes[0].name, "passed": passed, "why": "well", "seconds": 9.0, "parts": parts}
    path = lab.nodes[0].lib / "seedvm/rehearsal.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(said))


async def safe(lab: Lab) -> None:
    """SAFE TO LEAVE: YES."""
    await owned(lab)
    rehearsed(lab)
    await WriteReceipt(lab.members).apply(Told())
