"""The plan lists the whole deployment, in the order of DESIGN."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from seedvm import steps as steps_package
from seedvm.engine.stages import STAGES, STEPS
from seedvm.engine.step import Context
from seedvm.plan import build_plan
from seedvm.site.model import Site
from seedvm.site.secrets_file import draft_secrets

FOLDER = Path(steps_package.__path__[0])


def test_the_plan_passes_each_stage_once_and_in_order(site: Site, state_dir: Path) -> None:
    before = sorted(state_dir.iterdir())
    steps = build_plan(Context(site, draft_secrets(state_dir / "secrets.yaml"), state_dir, state_dir / "images"))
    stages = [stage for stage, _ in groupby(step.stage for step in steps)]
    assert set(stages) == set(STAGES)
    assert len({step.name for step in steps}) == len(steps)
    assert all(step.usual_seconds > 0 and step.title for step in steps)
    assert [stage for stage in stages if stage in STAGES[2:]] == list(STAGES[2:])
    assert sorted(state_dir.iterdir()) == before
    names = [step.name for step in steps]
    assert names == [name for name in STEPS if name in names], "the names that --until takes"


def test_every_step_that_there_is_may_be_stopped_before() -> None:
    said = re.findall(r'name: ClassVar\[str\] = "(.+)"', "".join(path.read_text() for path in FOLDER.glob("*.py")))
    assert sorted(said) == sorted(STEPS)
