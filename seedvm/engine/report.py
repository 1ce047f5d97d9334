"""The figures of a deployment, from its journal and from facts measured outside it (facts.json in the state folder).

A figure is measured in this deployment or it is null with its reason. It refuses to guess, and to take a run for done that is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.base.json_tree import JSON
from seedvm.engine.reducer import read_state
from seedvm.engine.state import State

# Each figure, and why it is null where nobody measured it.
_FIGURES = {
    "image_build_seconds": "no image was built; the existing one was used",
    "seed_pss_mib": "the seed's memory was not measured",
    "handoff_longest_gap_seconds": "the hand-off has not been done",
    "handoff_write_pause_seconds": "the hand-off has not been done",
    "node_reboots": "the hand-off has not been done",
    "ids_changed": "the hand-off has not been done",
    "doubts": "the hand-off has not been done",
    "node_loss_gap_seconds": "no node was powered off to measure it",
    "rows_lost": "no writer counted its acknowledged rows",
}
# How a terminal shows each figure: its label and its unit.
_LABELS = {
    "road_seconds": ("whole deployment", " s"),
    "image_build_seconds": ("image build", " s"),
    "seed_pss_mib": ("memory of the seed (PSS)", " MiB"),
    "handoff_longest_gap_seconds": ("longest API gap, hand-off", " s"),
    "handoff_write_pause_seconds": ("writes paused, hand-off", " s"),
    "node_reboots": ("node reboots, hand-off", ""),
    "ids_changed": ("IDs changed, hand-off", ""),
    "doubts": ("doubts, hand-off", ""),
    "node_loss_gap_seconds": ("API gap, loss of a node", " s"),
    "rows_lost": ("acknowledged rows lost", ""),
}


@dataclass(frozen=True)
class RoadReport:
    """report.json: `figures` are its top-level keys, `reasons` say why a figure is null."""

    figures: Mapping[str, JSON]
    reasons: Mapping[str, str]

    def as_json(self) -> dict[str, JSON]:
        return {**self.figures, "reasons": dict(self.reasons)}

    def lines(self) -> list[str]:
        """The report for a terminal."""
        shown = [self._line(name) for name in self.figures if name != "stretches"]
        stages = _tree(self.figures, "stretches")
        return [*shown, "stages", *(f"  {name:<27} {float(str(seconds)):.1f} s" for name, seconds in stages.items())]

    def _line(self, name: str) -> str:
        label, unit = _LABELS.get(name, (name, ""))
        value = self.figures[name]
        shown = f"- ({self.reasons.get(name, 'not measured')})" if value is None else f"{value}{unit}"
        return f"{label:<29} {shown}"


def make_report(state_dir: Path) -> RoadReport:
    """Read journal and facts.json. No journal is an error: there is no deployment to report on."""
    state = read_state(state_dir)
    if not state.events:
        raise SeedvmError(
            "there is nothing to report",
            why=f"{state_dir}/journal.jsonl contains no events",
            hint="start the deployment: seedvm run",
        )
    facts = {**state.facts, **_outside(state_dir / "facts.json")}
    stages = {name: round(seconds, 1) for name, seconds in state.stage_seconds.items()}
    verdict, reason = _verdict(state)
    figures: dict[str, JSON] = {
        "site": state.site,
        "road_seconds": facts.get("road_seconds", round(state.seconds, 1) if verdict == "done" else None),
        "stretches": {**_tree(facts, "stretches"), **stages},
        **{name: facts.get(name) for name in _FIGURES},
        "verdict": facts.get("verdict", verdict),
    }
    reasons = {name: why for name, why in _FIGURES.items() if figures[name] is None}
    if figures["road_seconds"] is None:
        reasons["road_seconds"] = f"the deployment has not finished: {reason}"
    reasons.update({name: str(why) for name, why in _tree(facts, "reasons").items() if figures.get(name) is None})
    if verdict != "done":
        reasons["verdict"] = reason
    return RoadReport(figures, reasons)


def write_report(report: RoadReport, path: Path) -> None:
    """Write report.json."""
    write_atomic(path, json.dumps(report.as_json(), indent=2) + "\n")


def _tree(facts: Mapping[str, JSON], name: str) -> Mapping[str, JSON]:
    value = facts.get(name)
    return value if isinstance(value, Mapping) else {}


def _outside(path: Path) -> Mapping[str, JSON]:
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SeedvmError(f"{path} is not JSON", why=str(error), hint="remove the file and measure again") from error
    return facts if isinstance(facts, dict) else {}


def _verdict(state: State) -> tuple[str, str]:
    if not state.verdict:
        return "unfinished", "the last run has not ended, or its engine was killed"
    failure = state.failure
    if failure is not None and failure.kind == "failed":
        return state.verdict, f"{failure.step}: {failure.what}"
    return state.verdict, f"the last run ended as {state.verdict}"
