"""The table of node-side verbs, and the one shape in which all of them fail.

A verb takes the parsed request and returns what becomes JSON. It refuses nothing itself; each verb's module does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from seedvm.base.errors import SeedvmError
from seedvm.member import boot, digest, hold, images, launch, leave, mute, notes, rehearse, secrets, status, watch

Request: TypeAlias = Mapping[str, Any]

VERBS: Mapping[str, Callable[[Request], Any]] = {
    "status": status.status,
    "holder": hold.holder,
    "digest": digest.digest,
    "secrets": secrets.secrets,
    "images": images.images,
    "release": hold.release,
    "launch": launch.launch,
    "stop": launch.stop,
    "watch": watch.watch,
    "gaps": watch.gaps,
    "probe": boot.probe,
    "note": notes.note,
    "notes": notes.notes,
    "keep": notes.keep,
    "kept": notes.kept,
    "mute": mute.mute,
    "rehearse": rehearse.rehearse,
    "rehearsal": rehearse.rehearsal,
    "cleanup": leave.cleanup,
}


def answer(verb: str, request: Request) -> tuple[int, Any]:
    """Exit code and what to print as JSON. A SeedvmError becomes {"error": {what, machine, why, hint}}."""
    try:
        return 0, _plain(VERBS[verb](request))
    except KeyError as error:
        return 2, _error(f"member {verb}: the request lacks something", None, f"{error}", "see seedvm/member")
    except SeedvmError as error:
        return 1, _error(error.what, error.machine, error.why, error.hint)


def _error(what: str, machine: str | None, why: str, hint: str) -> dict[str, Any]:
    return {"error": {"what": what, "machine": machine, "why": why, "hint": hint}}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
