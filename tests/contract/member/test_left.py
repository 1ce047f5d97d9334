"""A seed that has left: its receipt speaks while the undercloud answers, and nothing is applied any more."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.cloud.client import Client
from seedvm.cloud.probe import probe
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo, Verdict
from seedvm.site.receipt import Statement, VipLine
from seedvm.steps.departed import Finished
from tests.contract.isolated import child, isolated, until

VIP = "192.0.2.5"
RECEIPT = Statement("demo", "SAFE TO LEAVE: YES", True, "2026-11-23T01:02:03Z", VipLine(VIP, "demo-undercloud-0"))


@dataclass(frozen=True)
class NeverAsked:
    """A step whose own check would start the deployment again."""

    name: str = "deploy"
    title: str = "Deploy"
    stage: Stage = "deploy"
    usual_seconds: float = 1

    async def check(self) -> Verdict:
        return Todo("start again")

    async def apply(self, report: Report) -> None:
        raise AssertionError("applied on a seed that has left")


def answers() -> bool:
    return probe(VIP, 5000, "/v3", seconds=1).status == 200


@isolated
async def test_the_receipt_speaks_only_while_the_undercloud_answers(tmp_path: Path) -> None:
    process.run(["ip", "address", "add", f"{VIP}/32", "dev", "lo"], timeout=60)
    step = Finished(NeverAsked(), RECEIPT)
    verdict = await step.check()
    assert isinstance(verdict, Blocked)
    assert "does not answer" in verdict.why
    (tmp_path / "v3").write_text("{}")
    with child(process.Command([sys.executable, "-m", "http.server", "--bind", VIP, "5000"], cwd=tmp_path)):
        await until(answers)
        verdict = await step.check()
    assert isinstance(verdict, Done)
    assert verdict.evidence["verdict"] == "SAFE TO LEAVE: YES"
    assert (step.name, step.stage) == ("deploy", "deploy")


@isolated
async def test_an_api_says_who_refused_and_who_is_silent(tmp_path: Path) -> None:
    process.run(["ip", "address", "add", f"{VIP}/32", "dev", "lo"], timeout=60)
    with pytest.raises(SeedvmError, match="heat does not answer") as silent:
        Client(VIP, timeout=1, name="node-1").get("heat", "/")
    assert silent.value.machine == "node-1"
    with child(process.Command([sys.executable, "-m", "http.server", "--bind", VIP, "5000"], cwd=tmp_path)):
        (tmp_path / "v3").write_text("{}")
        await until(answers)
        with pytest.raises(SeedvmError, match="HTTP 404"):
            Client(VIP, timeout=60).get("keystone", "/absent")
