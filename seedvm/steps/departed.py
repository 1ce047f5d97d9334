"""Steps that are past: on a seed that has handed over its mark answers for the steps before the hand-off, on one that has left its receipt
answers for every step, as long as the undercloud answers. Nothing of them is ever applied again, and no BMC is contacted for them."""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.cloud.connection import in_thread
from seedvm.cloud.probe import probe
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Step, Verdict
from seedvm.services.load import installed
from seedvm.site.receipt import Statement

_SECONDS = 10.0


@dataclass(frozen=True)
class _Past:
    """`step` under its own name."""

    step: Step

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def title(self) -> str:
        return self.step.title

    @property
    def stage(self) -> Stage:
        return self.step.stage

    @property
    def usual_seconds(self) -> float:
        return self.step.usual_seconds

    async def apply(self, report: Report) -> None:
        raise SeedvmError(
            "the seed has handed over and changes nothing any more", hint="manage the undercloud through its own APIs"
        )


@dataclass(frozen=True)
class Past(_Past):
    """A step of before the hand-off, on a seed that is marked as one that has handed over; the step Preflight has seen the undercloud."""

    async def check(self) -> Verdict:
        return Done({"handed_over": True})


@dataclass(frozen=True)
class Finished(_Past):
    """`step` on a seed that has left, with the tree of its receipt."""

    receipt: Statement

    async def check(self) -> Verdict:
        address = self.receipt.vip.address
        heard = await in_thread(lambda: probe(address, installed().ports["keystone"], "/v3", seconds=_SECONDS))
        if heard.status != 200:
            hint = "check the undercloud's nodes; the seed has left and cannot repair them"
            return Blocked(f"the undercloud's Keystone does not answer at {address}: {heard}", hint)
        return Done(
            {"receipt": self.receipt.time, "verdict": self.receipt.verdict, "keystone": f"answers at {address}"}
        )
