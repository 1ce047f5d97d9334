"""The plan tells the whole road, in the order in which DESIGN tells it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.engine.stages import STAGES
from seedvm.engine.step import Context, Report
from seedvm.plan import build_plan
from seedvm.site.model import Site
from seedvm.site.secrets_file import draft_secrets
from seedvm.steps.deploy import DeployStep


def test_the_plan_passes_each_stage_once_and_in_order(site: Site, state_dir: Path) -> None:
    before = sorted(state_dir.iterdir())
    steps = build_plan(Context(site, draft_secrets(state_dir / "secrets.yaml"), state_dir, state_dir / "images"))
    stages = [stage for stage, _ in groupby(step.stage for step in steps)]
    assert set(stages) == set(STAGES)
    assert len({step.name for step in steps}) == len(steps)
    assert all(step.usual_seconds > 0 and step.title for step in steps)
    assert [stage for stage in stages if stage in STAGES[2:]] == list(STAGES[2:])
    assert sorted(state_dir.iterdir()) == before


if TYPE_CHECKING:

    def wrong_names_do_not_pass_the_type_checker(report: Report, context: Context) -> None:
        """Never called: mypy holds it, for an ignore that is not needed is an error."""
        report.node("172.22.1.20", "pxee")  # type: ignore[arg-type]
        report.phase("FENSE", "done")  # type: ignore[arg-type]
        report.phase("FENCE", "began")  # type: ignore[arg-type]
        DeployStep(context, "deploi")  # type: ignore[call-arg]
