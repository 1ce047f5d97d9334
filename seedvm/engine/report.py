"""The figures of a site's road, out of its journal and of facts measured outside it (facts.json in the state folder).

A figure is measured in this road or it is null with its reason. It refuses to guess, and to take a run for done that is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.engine.journal import Event, read

# Each figure, and why it is null where nobody measured it.
_FIGURES = {
    "image_build_seconds": "no image was built in this road; the one there was used",
    "seed_pss_mib": "nobody measured the seed's memory in this road",
    "handoff_longest_gap_seconds": "the hand-off has not been walked",
    "handoff_write_pause_seconds": "the hand-off has not been walked",
    "node_reboots": "the hand-off has not been walked",
    "ids_changed": "the hand-off has not been walked",
    "node_loss_gap_seconds": "no node was powered off to measure it",
}


@dataclass(frozen=True)
class RoadReport:
    """report.json: `figures` are its top-level keys, `reasons` say why a figure is null."""

    figures: Mapping[str, Any]
    reasons: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {**self.figures, "reasons": dict(self.reasons)}

    def lines(self) -> list[str]:
        """The report for a terminal."""
        shown = [f"{name:<29} {self._value(name)}" for name in self.figures if name != "stretches"]
        stretches = self.figures["stretches"] or {}
        return [*shown, "stretches", *(f"  {name:<27} {seconds:.1f} s" for name, seconds in stretches.items())]

    def _value(self, name: str) -> str:
        value = self.figures[name]
        return f"- ({self.reasons.get(name, 'not measured')})" if value is None else str(value)


def make_report(state_dir: Path) -> RoadReport:
    """Read journal and facts.json. No journal is an error: there is no road to report on."""
    events = read(state_dir / "journal.jsonl")
    if not events:
        raise SeedvmError(
            "there is nothing to report", why=f"{state_dir}/journal.jsonl holds no event", hint="seedvm run"
        )
    facts = {event.get("name"): event.get("value") for event in events if event.event == "fact"}
    facts.update(_outside(state_dir / "facts.json"))
    road = _road(events)
    seconds, stretches = _times(road)
    verdict, reason = _verdict(events)
    figures: dict[str, Any] = {
        "site": events[-1].site,
        "road_seconds": facts.get("road_seconds", seconds if verdict == "done" else None),
        "stretches": {**facts.get("stretches", {}), **stretches},
        **{name: facts.get(name) for name in _FIGURES},
        "verdict": facts.get("verdict", verdict),
    }
    reasons = {name: why for name, why in _FIGURES.items() if figures[name] is None}
    if figures["road_seconds"] is None:
        reasons["road_seconds"] = f"the road is not at its end: {reason}"
    reasons.update({name: why for name, why in facts.get("reasons", {}).items() if figures.get(name) is None})
    if verdict != "done":
        reasons["verdict"] = reason
    return RoadReport(figures, reasons)


def write_report(report: RoadReport, path: Path) -> None:
    """Write report.json."""
    write_atomic(path, json.dumps(report.as_json(), indent=2) + "\n")


def _outside(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SeedvmError(f"{path} is not JSON", why=str(error), hint="take the file away and measure anew") from error
    return facts if isinstance(facts, dict) else {}


def _road(events: Sequence[Event]) -> list[Event]:
    """The events up to the end of the first run that was done: later runs only look."""
    for index, event in enumerate(events):
        if event.event == "run-ended" and event.get("verdict") == "done":
            return list(events[: index + 1])
    return list(events)


def _times(road: Sequence[Event]) -> tuple[float, dict[str, float]]:
    """Seconds in all and per stretch. Time between two events of one run belongs to the step that the later one tells of; time
    between runs belongs to nobody."""
    stretch_of: dict[str, str] = {}
    stretches: dict[str, float] = {}
    total = 0.0
    for before, event in pairwise(road):
        if before.event == "run-started":
            stretch_of.update({step["name"]: step["stretch"] for step in before.get("steps", [])})
            stretches.update({stretch: stretches.get(stretch, 0.0) for stretch in stretch_of.values()})
        if before.run != event.run:
            continue
        seconds = (event.time - before.time).total_seconds()
        total += seconds
        stretch = stretch_of.get(event.step or before.step or "")
        if stretch is not None:
            stretches[stretch] += seconds
    return round(total, 1), {name: round(seconds, 1) for name, seconds in stretches.items()}


def _verdict(events: Sequence[Event]) -> tuple[str, str]:
    last = next((event for event in reversed(events) if event.event in ("run-ended", "run-started")), None)
    if last is None or last.event == "run-started":
        return "unfinished", "the last run has not ended, or was killed"
    failed = next((event for event in reversed(events) if event.run == last.run and event.event == "step-failed"), None)
    verdict = str(last.get("verdict"))
    return verdict, f"{failed.step}: {failed.get('what')}" if failed else f"the last run ended as {verdict}"
