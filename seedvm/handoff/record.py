"""The hand-off's memory: what each phase measured, from its moment to the receipt. `handoff.json` in the state folder, no secret in it.

It decides only what cannot be asked of the world any more; the point of no return is read from the members' own records as well.
It refuses a file that it does not understand: to forget what was measured before COMMIT would mean that there is never a receipt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode, encode_record, parse_own
from seedvm.handoff.compare import DatabaseDigest
from seedvm.handoff.services import Ids, ListedImage
from seedvm.member.rehearse import Rehearsal
from seedvm.member.watch import Gap
from seedvm.site.doubts import Doubt
from seedvm.site.recovery import proof

FILE = "handoff.json"
_FORMAT = 2


@dataclass(frozen=True)
class Canary:
    """A credential in Keystone: its id, and the keyed hash of what was put into it."""

    id: str
    seal: str


@dataclass(frozen=True)
class Quiesced:
    """The cloud as it was when writes were held: every id, and when each node was booted."""

    ids: Ids
    booted: Mapping[str, str]


@dataclass(frozen=True)
class Compared:
    """What was the same on every member, compared from transaction `seqno` on; `secrets` counts by kind. `hold_since` is the hold under
    which it was looked at once more; None where that was done in the open alone, at `at` (epoch).

    `moving` are the tables that services write to all the time. `without_password` are the Ironic nodes that have no BMC
    password, of which nothing could be decrypted.
    """

    hold_since: float | None
    seqno: int
    databases: tuple[DatabaseDigest, ...]
    images: tuple[ListedImage, ...]
    secrets: Mapping[str, int]
    without_password: tuple[str, ...] = ()
    at: float = 0.0
    moving: tuple[str, ...] = ()

    @property
    def tables(self) -> int:
        return sum(one.tables for one in self.databases)

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.databases)


@dataclass(frozen=True)
class VipWatch:
    """Which node polls the VIP, since when (epoch, the seed's clock: for people), and the token by which its samples are known."""

    member: str
    since: float
    token: str = ""


@dataclass(frozen=True)
class Committed:
    """The VIP is a node's. `write_pause`: for how many seconds writes were refused; None until a write has passed."""

    vip_holder: str
    write_pause: float | None = None


@dataclass(frozen=True)
class Owned:
    """The cloud as it was when the undercloud had updated itself, and what a client of the VIP saw meanwhile.

    `ids_changed` counts what of before is not there under its id any more; `doubts` are what could not be measured, or not well;
    `replaced` and `gone` name the resources of before with another id, and with none.
    """

    ids: Ids
    ids_changed: int
    node_reboots: int
    gaps: tuple[Gap, ...]
    doubts: tuple[Doubt, ...] = ()
    replaced: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adopted:
    """This seed has taken the hand-off up from the nodes, because the first one was lost: when (UTC, ISO 8601), what the nodes had noted
    last by then ("PHASE state"), and whether that was before COMMIT."""

    time: str
    last: str
    before_commit: bool = False


@dataclass(frozen=True)
class Record:
    """What is known so far; None is what was not measured yet.

    `attempt` names the hand-off's attempt, from its QUIESCE on; what an earlier one measured is not kept. `began` is phase -> epoch;
    `hold_since` is when writes were last refused, None while they pass or until all that must be known of before is in here.
    """

    attempt: str = ""
    began: Mapping[str, float] = field(default_factory=dict)
    canary: Canary | None = None
    hold_since: float | None = None
    quiesced: Quiesced | None = None
    compared: Compared | None = None
    watch: VipWatch | None = None
    committed: Committed | None = None
    owned: Owned | None = None
    rehearsal_token: str | None = None
    rehearsal: Rehearsal | None = None
    adopted: Adopted | None = None

    def begun(self, phase: str, at: float) -> dict[str, float]:
        """`began` with this phase in it; the first time counts."""
        return {**self.began, phase: self.began.get(phase, at)}

    def lacking(self) -> tuple[str, ...]:
        """What a receipt needs of the time before COMMIT and cannot be measured afterwards; by the phase that measures it."""
        measured = {
            "COMPARE": self.compared is not None and self.canary is not None,
            "QUIESCE": self.hold_since is not None and self.quiesced is not None and self.watch is not None,
            "FENCE": self.compared is not None and self.compared.hold_since == self.hold_since,
        }
        return tuple(phase for phase, whole in measured.items() if not whole)


def load(state_dir: Path) -> Record:
    """What earlier phases measured; an empty Record where there is no file."""
    path = state_dir / FILE
    try:
        tree = parse_own(path.read_bytes())
        return decode(Record, tree if isinstance(tree, dict) and "format" in tree else _of_format_1(tree), str(path))
    except FileNotFoundError:
        return Record()
    except ValueError as error:
        why = str(error)
    except SeedvmError as error:
        why = error.why
    hint = "restore it from a copy; without it this hand-off gets no receipt. The nodes keep their own record of COMMIT"
    raise SeedvmError(f"{path} has an unexpected format", why=why, hint=hint)


def save(state_dir: Path, record: Record) -> None:
    """On the disk when it returns."""
    write_private(state_dir / FILE, json.dumps({"format": _FORMAT, **encode_record(record)}, indent=1) + "\n")


@dataclass(frozen=True)
class _Carried:
    """The record as a node keeps it: when it was written (epoch, the seed's clock), and the recovery key's word that it is the seed's."""

    saved: float
    record: Record
    proof: str


def carried(record: Record, saved: float, key: Secret) -> str:
    """The record for a node to keep; only who has the recovery key can make it."""
    return json.dumps(encode(_Carried(saved, record, _proof(record, saved, key)))) + "\n"


def brought(text: str, key: Secret, source: str) -> tuple[float, Record]:
    """When a record that a node kept was written, and the record; a SeedvmError where it was not made with this recovery key."""
    try:
        kept = decode(_Carried, parse_own(text.encode(errors="replace")), source)
    except ValueError as error:
        raise SeedvmError(f"{source} cannot be read", why=str(error)) from None
    if kept.proof != _proof(kept.record, kept.saved, key):
        raise SeedvmError(f"{source} was not made by this site", why="its proof is not by the recovery key")
    return kept.saved, kept.record


def _proof(record: Record, saved: float, key: Secret) -> str:
    return proof(key, json.dumps([saved, encode(record)], sort_keys=True).encode())


def _of_format_1(tree: object) -> dict[str, Any]:
    """The flat file that versions up to 0.1.0 wrote. Raises ValueError where it is damaged."""
    try:
        if not isinstance(tree, dict):
            raise ValueError("it is not an object")
        return _from_format_1(tree)
    except KeyError as error:
        raise ValueError(f"as a file of version 0.1 it lacks {error.args[0]}") from None
    except TypeError:
        raise ValueError("as a file of version 0.1 its compare is not an object") from None


def _from_format_1(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key, as each phase noted it."""
    found: dict[str, Any] = {"began": tree.get("times", {})}
    found |= {
        key: tree[key] for key in ("canary", "hold_since", "watch", "rehearsal_token", "rehearsal") if key in tree
    }
    if "ids_before" in tree:
        found["quiesced"] = {"ids": tree["ids_before"], "booted": tree["booted_before"]}
    if compared := tree.get("compare"):
        found["compared"] = {**compared, "images": compared["image_list"]}
    if tree.get("committed"):
        found["committed"] = {"vip_holder": tree["vip_holder"], "write_pause": tree.get("write_pause")}
    if "ids_after" in tree:
        measured = {key: tree[key] for key in ("ids_changed", "node_reboots", "gaps")}
        found["owned"] = {"ids": tree["ids_after"], **measured}
    return found
