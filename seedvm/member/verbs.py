"""The node-side verbs: each with the types of its request and its answer, and the one shape in which all of them fail.

`answer` is the node's end: JSON in, JSON out. The engine's end decodes the answer with the same types. It refuses nothing itself;
each verb's module does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.typed_json import decode, encode
from seedvm.member import (
    boot,
    digest,
    forget,
    hold,
    images,
    launch,
    leave,
    mute,
    notes,
    ready,
    references,
    rehearse,
    secrets,
    status,
    testify,
    watch,
)
from seedvm.site.evidence import SignedEvidence

R = TypeVar("R")
A_co = TypeVar("A_co", covariant=True)


@dataclass(frozen=True)
class Verb(Generic[R, A_co]):
    """One thing that a member does when asked: its name, the types of request and answer, and the function."""

    name: str
    request: type[R]
    answer: type[A_co]
    run: Callable[[R], A_co]


READY = Verb("ready", ready.ReadyRequest, type(None), ready.ready)
STATUS = Verb("status", status.StatusRequest, status.MemberStatus, status.status)
HOLDER = Verb("holder", hold.HolderRequest, hold.Holder, hold.holder)
YIELD = Verb("yield", hold.YieldRequest, hold.Holder, hold.yield_vip)
DIGEST = Verb("digest", digest.DigestRequest, digest.Digest, digest.digest)
SECRETS = Verb("secrets", secrets.SecretsRequest, dict[str, str], secrets.secrets)
IMAGES = Verb("images", images.ImagesRequest, dict[str, images.StoredImage], images.images)
RELEASE = Verb("release", hold.ReleaseRequest, hold.Released, hold.release)
LAUNCH = Verb("launch", launch.LaunchRequest, launch.TransientUnit, launch.launch)
STOP = Verb("stop", launch.StopRequest, launch.TransientUnit, launch.stop)
WATCH = Verb("watch", watch.WatchRequest, watch.Watched, watch.watch)
GAPS = Verb("gaps", watch.GapsRequest, watch.Gaps, watch.gaps)
PROBE = Verb("probe", boot.ProbeRequest, boot.BootAnswers, boot.probe)
NOTE = Verb("note", notes.NoteRequest, notes.Line, notes.note)
NOTES = Verb("notes", notes.NotesRequest, tuple[notes.Line, ...], notes.notes)
KEEP = Verb("keep", notes.KeepRequest, dict[str, str], notes.keep)
KEPT = Verb("kept", notes.KeptRequest, dict[str, str], notes.kept)
FETCH = Verb("fetch", notes.FetchRequest, dict[str, str], notes.fetch)
MUTE = Verb("mute", mute.MuteRequest, mute.Muted, mute.mute)
REHEARSE = Verb("rehearse", rehearse.RehearseRequest, rehearse.Rehearsal, rehearse.rehearse)
REHEARSAL = Verb("rehearsal", rehearse.RehearsalRequest, rehearse.Rehearsal, rehearse.rehearsal)
REFERENCES = Verb("references", references.ReferencesRequest, tuple[references.Reference, ...], references.references)
TESTIFY = Verb("testify", testify.TestifyRequest, SignedEvidence, testify.testify)
FORGET = Verb("forget", forget.ForgetRequest, forget.Forgotten, forget.forget)
CLEANUP = Verb("cleanup", leave.CleanupRequest, dict[str, int], leave.cleanup)

VERBS: Mapping[str, Verb[Any, Any]] = {
    verb.name: verb
    for verb in (
        READY,
        *(STATUS, HOLDER, YIELD, DIGEST, SECRETS, IMAGES, RELEASE, LAUNCH, STOP, WATCH, GAPS, PROBE, NOTE, NOTES),
        *(KEEP, KEPT, FETCH, MUTE, REHEARSE, REHEARSAL, REFERENCES, TESTIFY, FORGET, CLEANUP),
    )
}


def answer(verb: str, request: object) -> tuple[int, JSON]:
    """Exit code and what to print as JSON. A SeedvmError becomes {"error": {what, machine, why, hint}}."""
    asked = VERBS[verb]
    try:
        parsed = decode(asked.request, request, f"the request of member {verb}")
    except SeedvmError as error:
        return 2, _error(error.what, None, error.why, f"see seedvm/member/{asked.run.__module__.rpartition('.')[2]}.py")
    try:
        return 0, encode(asked.run(parsed))
    except SeedvmError as error:
        return 1, _error(error.what, error.machine, error.why, error.hint)


def _error(what: str, machine: str | None, why: str, hint: str) -> JSON:
    return {"error": {"what": what, "machine": machine, "why": why, "hint": hint}}
