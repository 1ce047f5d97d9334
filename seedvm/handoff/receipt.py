"""The receipt: the signed statement that the seed may leave, with its evidence, as JSON and as a page for people.

The signature (ed25519, by the site's receipt key) is over the canonical JSON of all the rest. It refuses to say "safe" when an id
changed, a part of the rehearsal did not pass, or something that was to be compared is an empty set.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret

_REMAINS = "clouds.yaml in the seed's state folder: the operator's way in (admin password), kept by design, mode 0600"


@dataclass(frozen=True)
class DatabaseLine:
    """One service database: the same on every member at transaction `Receipt.seqno`."""

    database: str
    tables: int
    rows: int
    sha256: str


@dataclass(frozen=True)
class ImageLine:
    """One image file: there on every node with this checksum."""

    id: str
    name: str
    size: int
    sha512: str


@dataclass(frozen=True)
class GapLine:
    """One API as a client of the VIP saw it through the hand-off."""

    api: str
    polls: int
    failed: int
    longest_seconds: float


@dataclass(frozen=True)
class Receipt:
    """All that is signed. Times are UTC; `phases` maps a phase to when it began."""

    site: str
    time: datetime
    seed: str
    vip: str
    vip_holder: str
    members: tuple[Mapping[str, str], ...]
    phases: Mapping[str, datetime]
    ids_before: Mapping[str, Mapping[str, str]]
    ids_after: Mapping[str, Mapping[str, str]]
    ids_changed: int
    node_reboots: int
    seqno: int
    databases: tuple[DatabaseLine, ...]
    images: tuple[ImageLine, ...]
    secrets: Mapping[str, int]
    gaps: tuple[GapLine, ...]
    write_pause_seconds: float
    rehearsal: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        *,
        site: str,
        time: datetime,
        seed: str,
        vip: str,
        members: Sequence[Mapping[str, str]],
        notes: Mapping[str, Any],
    ) -> Receipt:
        """From the notes that the phases took."""
        compared = notes["compare"]
        return cls(
            site=site,
            time=time,
            seed=seed,
            vip=vip,
            vip_holder=notes["vip_holder"],
            members=tuple(dict(member) for member in members),
            phases={phase: datetime.fromtimestamp(began, UTC) for phase, began in notes["times"].items()},
            ids_before=notes["ids_before"],
            ids_after=notes["ids_after"],
            ids_changed=int(notes["ids_changed"]),
            node_reboots=int(notes["node_reboots"]),
            seqno=int(compared["seqno"]),
            databases=tuple(DatabaseLine(*line) for line in compared["databases"]),
            images=tuple(
                ImageLine(one["id"], one["name"], int(one["size"]), one["sha512"]) for one in compared["image_list"]
            ),
            secrets={kind: int(count) for kind, count in compared["secrets"].items()},
            gaps=tuple(
                GapLine(one["api"], int(one["polls"]), int(one["failed"]), float(one["longest_seconds"]))
                for one in notes["gaps"]
            ),
            write_pause_seconds=float(notes["write_pause"]),
            rehearsal=notes["rehearsal"],
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the seed may not leave; empty when it may."""
        told = []
        if self.ids_changed:
            told.append(f"{self.ids_changed} ids changed")
        if self.node_reboots:
            told.append(f"{self.node_reboots} nodes were rebooted")
        if not self.rehearsal.get("passed"):
            told.append(f"the rehearsal did not pass: {self.rehearsal.get('why', 'there was none')}")
        empty = {
            "databases": self.databases,
            "images": self.images,
            "secrets": self.secrets,
            "gaps": self.gaps,
            "ids": self.ids_before,
        }
        told += [f"no {name} were compared" for name, found in empty.items() if not found]
        told += [f"no {kind} was decrypted" for kind, count in self.secrets.items() if not count]
        return tuple(told)

    @property
    def verdict(self) -> str:
        """The one line for which all of this was done."""
        if self.doubts:
            return f"SAFE TO LEAVE: NO, {'; '.join(self.doubts)}"
        return f"SAFE TO LEAVE: YES, since {_time(self.time)}"

    def tree(self) -> dict[str, Any]:
        """What is signed, as JSON takes it."""
        return {
            "site": self.site,
            "verdict": self.verdict,
            "may_leave": not self.doubts,
            "time": _time(self.time),
            "why": "; ".join(self.doubts) or str(self.rehearsal["why"]),
            "seed": self.seed,
            "vip": {"address": self.vip, "holder": self.vip_holder},
            "members": [dict(member) for member in self.members],
            "phases": {phase: _time(began) for phase, began in self.phases.items()},
            "ids": {"before": self.ids_before, "after": self.ids_after, "changed": self.ids_changed},
            "node_reboots": self.node_reboots,
            "compared": {
                "transaction": self.seqno,
                "databases": [vars(line) for line in self.databases],
                "images": [vars(line) for line in self.images],
                "secrets_decrypted_on_each_member": dict(self.secrets),
            },
            "api_gaps": [vars(line) for line in self.gaps],
            "longest_gap_seconds": max((line.longest_seconds for line in self.gaps), default=None),
            "write_pause_seconds": self.write_pause_seconds,
            "rehearsal": dict(self.rehearsal),
            "remains": _REMAINS,
        }


def sign(receipt: Receipt, key: Secret) -> str:
    """The receipt as JSON text with its signature. `key` is PEM, ed25519."""
    private = serialization.load_pem_private_key(key.reveal().encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise SeedvmError("the receipt key is not ed25519")
    tree = receipt.tree()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    value = base64.b64encode(private.sign(_canonical(tree))).decode()
    signature = {"algorithm": "ed25519", "public_key": public.decode(), "value": value}
    return json.dumps({**tree, "signature": signature}, indent=1) + "\n"


def verify(text: str, *, public_key: str | None = None) -> dict[str, Any]:
    """The receipt's tree, if its signature is right (and, when given, by this key); else a SeedvmError."""
    try:
        tree = json.loads(text)
        signature = tree.pop("signature")
        public = serialization.load_pem_public_key(signature["public_key"].encode())
        value = base64.b64decode(signature["value"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SeedvmError("that is no receipt", why=f"{type(error).__name__}") from error
    if public_key is not None and signature["public_key"].strip() != public_key.strip():
        raise SeedvmError("the receipt is signed by another site's key")
    if not isinstance(public, Ed25519PublicKey):
        raise SeedvmError("the receipt's key is not ed25519")
    try:
        public.verify(value, _canonical(tree))
    except InvalidSignature as error:
        raise SeedvmError(
            "the receipt was changed after it was signed", hint="compare it with the one on a node"
        ) from error
    return dict(tree)


def departed(state_dir: Path) -> dict[str, Any] | None:
    """The receipt's tree on a seed that has wiped its secrets because of it; None on any other."""
    try:
        tree = verify((state_dir / "receipt.json").read_text())
    except FileNotFoundError:
        return None
    return tree if tree["may_leave"] and not (state_dir / "secrets.yaml").exists() else None


def page(tree: Mapping[str, Any]) -> str:
    """The receipt for people; every figure is in the signed JSON as well."""
    head = [
        f"RECEIPT of site {tree['site']}",
        "",
        f"    {tree['verdict']}",
        "",
        f"Why:      {tree['why']}",
        f"Seed:     {tree['seed']}",
        f"VIP:      {tree['vip']['address']}, moved to {tree['vip']['holder']}",
        "Members:  " + ", ".join(f"{one['name']} ({one['address']})" for one in tree["members"]),
    ]
    return "\n".join([*head, "", *_measured(tree), "", *_compared(tree["compared"]), "", *_rehearsed(tree)]) + "\n"


def _measured(tree: Mapping[str, Any]) -> list[str]:
    before = tree["ids"]["before"]
    return [
        "Phases:   " + ", ".join(f"{phase} {began}" for phase, began in tree["phases"].items()),
        f"Ids:      {tree['ids']['changed']} changed of "
        + ", ".join(f"{len(found)} {kind}" for kind, found in before.items()),
        f"Reboots:  {tree['node_reboots']} nodes",
        f"Writes:   refused for {tree['write_pause_seconds']} s",
        *(
            f"Gap:      {one['api']} {one['longest_seconds']} s at the longest; {one['failed']} of {one['polls']} polls failed"
            for one in tree["api_gaps"]
        ),
    ]


def _compared(compared: Mapping[str, Any]) -> list[str]:
    return [
        f"The same on every member, at transaction {compared['transaction']}:",
        *(
            f"  {one['database']:<12} {one['tables']:>4} tables {one['rows']:>8} rows  sha256 {one['sha256'][:32]}"
            for one in compared["databases"]
        ),
        *(
            f"  image {one['name']:<20} {one['size']:>12} bytes  sha512 {one['sha512'][:32]}"
            for one in compared["images"]
        ),
        *(f"  {count} {kind} decrypted" for kind, count in compared["secrets_decrypted_on_each_member"].items()),
    ]


def _rehearsed(tree: Mapping[str, Any]) -> list[str]:
    rehearsal = tree["rehearsal"]
    return [
        f"Rehearsed by {rehearsal['member']} while the seed was mute ({rehearsal['seconds']} s):",
        *(f"  {name}: {part['said']} ({part['seconds']} s)" for name, part in rehearsal["parts"].items()),
        "",
        f"Remains:  {tree['remains']}",
        "Signed:   receipt.json carries the ed25519 signature; every member keeps a copy in /var/lib/seedvm",
    ]


def _canonical(tree: Mapping[str, Any]) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
