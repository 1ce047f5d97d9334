"""The one place where a line of the journal is made of an entry, and an entry of a line.

Journals of other versions are read as well: a key that is not known, or whose value is of another type, is kept in `Entry.more`, and
what is kept is written again as it was. It refuses Secrets, and a line that is damaged or no event, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.engine.events import (
    Confirmed,
    Entry,
    Event,
    Fact,
    Log,
    NodeReached,
    PhaseReached,
    PlannedStep,
    Progress,
    ResourceStatus,
    RunEnded,
    RunStarted,
    StepChecked,
    StepDone,
    StepFailed,
    StepStarted,
    Unknown,
)
from seedvm.foreign.json_document import dumps
from seedvm.foreign.numbers import real

_JSON = json.JSONDecoder()
MOST = 1e18
"""The largest figure of an event: bytes of a hundred thousand disks. What is beyond, infinite or no number is kept in `Entry.more`."""
_HEAD = ("seq", "time", "site", "run", "event", "step")


def encode(entry: Entry) -> str:
    """The line of an entry, without its newline. Raises TypeError for a Secret, what is no JSON, and a key that the head has."""
    head: dict[str, JSON] = {
        "seq": entry.seq,
        "time": entry.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "site": entry.site,
        "run": entry.run,
        "event": entry.kind,
    }
    if entry.step is not None:
        head["step"] = entry.step
    fields = {**entry.event.fields(), **entry.more}
    clash = set(fields) & set(_HEAD)
    if clash:
        raise TypeError(f"{entry.kind}: fields with a reserved name: {', '.join(sorted(clash))}")
    return dumps({**head, **fields}, compact=True, default=_refuse)


def decode(line: str) -> Entry:
    """The entry of a line. Raises ValueError, which says why, where the line is damaged or no event."""
    tree, end = _JSON.raw_decode(line)  # half the time of json.loads, which looks for blanks before and after
    if line[end:].strip():
        raise ValueError("extra text follows the event")
    if not isinstance(tree, dict):
        raise ValueError("not a JSON object")
    try:
        pop = tree.pop  # said five times, not looped over: a long journal is read while somebody waits
        seq, time, site, run, kind = pop("seq"), pop("time"), pop("site"), pop("run"), pop("event")
        step = pop("step", None)
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
    if not (isinstance(seq, int) and isinstance(time, str) and isinstance(site, str) and isinstance(run, str)):
        raise ValueError("seq, time, site or run has the wrong type")
    if not isinstance(kind, str) or not (step is None or isinstance(step, str)):
        raise ValueError("event or step has the wrong type")
    parse = _PARSERS.get(kind)
    if parse is None:
        return Entry(seq, datetime.fromisoformat(time), site, run, Unknown(kind, tree), step)
    return Entry(seq, datetime.fromisoformat(time), site, run, parse(tree), step, tree)


_Fields: TypeAlias = dict[str, JSON]
"""The keys of a line. A reader takes what it knows out, so that what is left is what nobody knows."""


def _text(fields: _Fields, key: str) -> str:
    value = fields.get(key)
    if isinstance(value, str):
        del fields[key]
        return value
    if value is None:
        fields.pop(key, None)
    return ""


def _number(fields: _Fields, key: str) -> float | None:
    value = fields.get(key)
    if isinstance(value, (int, float)) and real(value, -MOST, MOST) is not None:
        del fields[key]
        return value
    return None


def _tree(fields: _Fields, key: str) -> Mapping[str, JSON]:
    value = fields.get(key)
    if isinstance(value, Mapping):
        del fields[key]
        return value
    return {}


def _trees(fields: _Fields, key: str) -> tuple[Mapping[str, JSON], ...]:
    value = fields.pop(key, None)
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def _planned(tree: Mapping[str, JSON]) -> PlannedStep:
    item = dict(tree)
    name = _text(item, "name")
    stage = _text(item, "stage") or _text(item, "stretch")
    return PlannedStep(name, _text(item, "title"), stage, _number(item, "usual_seconds") or 0)


def _run_started(fields: _Fields) -> RunStarted:
    steps = tuple(step for step in map(_planned, _trees(fields, "steps")) if step.name)
    return RunStarted(int(_number(fields, "pid") or 0), steps)


def _step_checked(fields: _Fields) -> StepChecked:
    return StepChecked(_text(fields, "verdict"), _tree(fields, "evidence"), _text(fields, "why"), _text(fields, "hint"))


def _step_failed(fields: _Fields) -> StepFailed:
    return StepFailed(*(_text(fields, key) for key in ("what", "machine", "why", "hint")))


def _progress(fields: _Fields) -> Progress:
    return Progress(_number(fields, "done") or 0, _number(fields, "total") or 0, _text(fields, "unit"))


def _node(fields: _Fields) -> NodeReached:
    return NodeReached(
        _text(fields, "node"), _text(fields, "phase"), _text(fields, "detail"), _number(fields, "percent")
    )


def _resource(fields: _Fields) -> ResourceStatus:
    return ResourceStatus(*(_text(fields, key) for key in ("resource", "kind", "status", "reason")))


_PARSERS: Mapping[str, Callable[[_Fields], Event]] = {
    RunStarted.KIND: _run_started,
    RunEnded.KIND: lambda fields: RunEnded(_text(fields, "verdict")),
    StepChecked.KIND: _step_checked,
    StepStarted.KIND: lambda fields: StepStarted(_text(fields, "why")),
    StepDone.KIND: lambda fields: StepDone(_number(fields, "seconds"), _tree(fields, "evidence")),
    StepFailed.KIND: _step_failed,
    Log.KIND: lambda fields: Log(_text(fields, "message"), _text(fields, "node")),
    Progress.KIND: _progress,
    NodeReached.KIND: _node,
    Fact.KIND: lambda fields: Fact(_text(fields, "name"), fields.pop("value", None)),
    ResourceStatus.KIND: _resource,
    PhaseReached.KIND: lambda fields: PhaseReached(*(_text(fields, key) for key in ("phase", "state", "detail"))),
    Confirmed.KIND: lambda fields: Confirmed(_trees(fields, "wipe")),
}


def _refuse(value: object) -> object:
    if isinstance(value, Secret):
        raise TypeError("a Secret cannot be written to the journal")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
