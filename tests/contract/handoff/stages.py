"""A lab at the beginning of a later phase: what went before was done by the steps themselves, as far as it says anything."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace

from seedvm.base import process
from seedvm.handoff import hold, services
from seedvm.handoff.record import Quiesced, VipWatch
from seedvm.member.watch import Sample
from seedvm.services.load import installed
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_compare import Compare
from seedvm.steps.handoff_own import Own
from seedvm.steps.handoff_quiesce import Quiesce
from seedvm.steps.handoff_receipt import WriteReceipt
from tests.contract.handoff.lab import Lab
from tests.contract.handoff.wire import Told


async def compared(lab: Lab) -> None:
    """In the open."""
    await Compare(lab.members).apply(Told())


async def quiesced(lab: Lab) -> None:
    await compared(lab)
    await Quiesce(lab.members).apply(Told())


async def fenced(lab: Lab) -> None:
    """Writes are held, the seed's workers are stopped, and a node watches the VIP: `watched` writes its samples, no process does."""
    await compared(lab)
    known, watcher = lab.record, lab.nodes[2].name
    assert known.compared is not None
    lab.members.save(replace(known, attempt=secrets.token_hex(4)))
    await lab.members.note("QUIESCE", "started")
    api = await lab.members.login("172.22.0.10")
    booted = {name: said.booted for name, said in (await lab.members.status("holds_vip")).items()}
    since = await hold.declare(Told())
    lab.members.save(
        replace(
            lab.record,
            began={"QUIESCE": since},
            hold_since=since,
            quiesced=Quiesced(services.ids(api), booted),
            compared=replace(known.compared, hold_since=since),
            watch=VipWatch(watcher, 0.0, "watch"),
        )
    )
    process.run(["systemctl", "stop", *installed().units("worker")], timeout=20)


async def committed(lab: Lab) -> None:
    """The VIP is a node's, and a node has watched it: two APIs, five polls a second, one second without an answer."""
    await fenced(lab)
    await Commit(lab.members).apply(Told())
    watched(lab)


def watched(lab: Lab, *, token: str = "watch") -> None:
    """The samples of the watch on the last node, from before the VIP moved until after it, by that node's own clock."""
    node = lab.nodes[2]
    moved = [json.loads(line) for line in (node.lib / "seedvm/handoff.jsonl").read_text().splitlines()]
    times = [line["at"] for line in moved if line["phase"] == "COMMIT"]
    count = max(10, int((times[-1] - times[0]) / 0.2) + 3)
    samples = [
        Sample(api, round(times[0] - 0.1 + 0.2 * number, 3), number not in (4, 5, 6, 7), token, moved[-1]["boot"])
        for number in range(count)
        for api in ("keystone", "heat")
    ]
    (node.lib / "seedvm/watch.jsonl").write_text("".join(json.dumps(vars(one)) + "\n" for one in samples))


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


async def proven(lab: Lab) -> None:
    """All that a receipt says has been measured, and a rehearsal has passed."""
    await owned(lab)
    rehearsed(lab)


async def safe(lab: Lab) -> None:
    """SAFE TO LEAVE: YES."""
    await proven(lab)
    await WriteReceipt(lab.members).apply(Told())
