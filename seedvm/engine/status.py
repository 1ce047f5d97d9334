"""Where a site stands, out of its journal, for people who come back to it. It reads and never decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.engine.journal import Event, read
from seedvm.engine.lock import engine_pid


@dataclass(frozen=True)
class StepState:
    """`state` is waiting, working, done, todo, blocked or failed; `told` the evidence's or the failure's one line."""

    name: str
    title: str
    stage: str
    state: str
    told: str


@dataclass(frozen=True)
class Status:
    """The last run. `verdict` is working, killed, or how the run ended; `nodes` maps a node to its last phase."""

    site: str
    run: str
    verdict: str
    engine_pid: int | None
    steps: tuple[StepState, ...]
    nodes: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "run": self.run,
            "verdict": self.verdict,
            "engine_pid": self.engine_pid,
            "steps": [{**vars(step), "stretch": step.stage} for step in self.steps],
            "nodes": dict(self.nodes),
        }


def read_status(state_dir: Path) -> Status:
    """The state of the last run; an error where nothing has run yet."""
    events = read(state_dir / "journal.jsonl")
    started = next((event for event in reversed(events) if event.event == "run-started"), None)
    if started is None:
        raise SeedvmError("nothing has run yet", why=f"{state_dir}/journal.jsonl tells of no run", hint="seedvm run")
    mine = [event for event in events if event.run == started.run]
    pid = engine_pid(state_dir)
    ended = next((str(event.get("verdict")) for event in mine if event.event == "run-ended"), None)
    verdict = ended or ("working" if pid is not None else "killed")
    nodes = {
        str(event.get("node")): " ".join(filter(None, [str(event.get("phase")), str(event.get("detail") or "")]))
        for event in events
        if event.event == "node"
    }
    steps = tuple(_step(described, mine) for described in started.get("steps", []))
    return Status(started.site, started.run, verdict, pid, steps, nodes)


def _step(described: Mapping[str, Any], events: Sequence[Event]) -> StepState:
    state, told = "waiting", ""
    for event in events:
        if event.step != described["name"]:
            continue
        match event.event:
            case "step-checked":
                state = str(event.get("verdict"))
                told = brief(event.get("evidence")) if state == "done" else str(event.get("why", ""))
            case "step-started":
                state, told = "working", str(event.get("why", ""))
            case "step-failed":
                state, told = "failed", f"{event.get('what')}: {event.get('why')}"
    return StepState(described["name"], described["title"], described["stretch"], state, told)


def brief(evidence: Any, limit: int = 160) -> str:
    """Evidence in one line."""
    if not isinstance(evidence, Mapping):
        return ""
    text = ", ".join(f"{name}: {_value(value)}" for name, value in evidence.items())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(_value(one) for one in value)
    return str(value)
