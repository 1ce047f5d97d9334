"""The receipt: the signed statement that the seed may leave, with its evidence, as JSON and as a page for people.

`seedvm.site.receipt` signs it, and verifies it wherever something is decided by it. It refuses to say "safe" when a part of the rehearsal
did not pass, something that was to be compared is an empty set, or a doubt is left on which the operator's word is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.typed_json import encode
from seedvm.handoff import doubts
from seedvm.handoff.record import Compared, Owned, Quiesced, Record
from seedvm.handoff.services import Lost
from seedvm.member.rehearse import Rehearsal
from seedvm.site.doubts import Accepted, Doubt, open_of, words_on
from seedvm.site.evidence import SignedEvidence
from seedvm.site.receipt import FORMAT, sign_tree

_NONE: Mapping[str, str] = MappingProxyType({})
_CHANGING = ("time", "verdict", "doubts", "signature", "evidence", "format")
REMAINS = "clouds.yaml in the seed's state folder: the operator's access (admin password), kept on purpose, mode 0600"


@dataclass(frozen=True)
class Member:
    """A controller of the undercloud."""

    name: str
    address: str


@dataclass(frozen=True)
class Receipt:
    """All that is signed. Times are UTC; `phases` maps a phase to when it began.

    `databases` and `images` were the same on every member, compared from transaction `seqno` on; `gaps` is what a client of the VIP saw.
    What nobody measured is None or empty, and a doubt. `accepted` are the operator's words on doubts, for the hand-off `attempt`.
    """

    site: str
    time: datetime
    seed: str
    vip: str
    vip_holder: str
    members: tuple[Member, ...]
    phases: Mapping[str, datetime]
    attempt: str
    quiesced: Quiesced | None
    compared: Compared | None
    owned: Owned
    write_pause_seconds: float | None
    rehearsal: Rehearsal
    doubts: tuple[Doubt, ...]
    accepted: tuple[Accepted, ...]
    evidence: tuple[SignedEvidence, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        site: str,
        time: datetime,
        seed: str,
        vip: str,
        members: Sequence[Member],
        record: Record,
        rehearsal: Rehearsal,
        silent: Mapping[str, str] = _NONE,
        references: Sequence[Doubt] = (),
        words: Sequence[Accepted] = (),
        evidence: Sequence[SignedEvidence] = (),
    ) -> Receipt:
        """From what the phases measured. `silent` are controllers that do not answer now, `references` are places that still name the
        seed, `words` all that the operator accepted."""
        owned, committed = record.owned, record.committed
        if owned is None:
            raise SeedvmError("measurements for the receipt are missing", why="OWN", hint="run again: seedvm run")
        found = (*doubts_of(record, owned, rehearsal, silent), *references)
        return cls(
            site=site,
            time=time,
            seed=seed,
            vip=vip,
            vip_holder=committed.vip_holder if committed else "",
            members=tuple(members),
            phases={phase: datetime.fromtimestamp(began, UTC) for phase, began in record.began.items()},
            attempt=record.attempt,
            quiesced=record.quiesced,
            compared=record.compared,
            owned=owned,
            write_pause_seconds=committed.write_pause if committed else None,
            rehearsal=rehearsal,
            doubts=found,
            accepted=words_on(found, words, record.attempt),
            evidence=tuple(evidence),
        )

    @property
    def open(self) -> tuple[Doubt, ...]:
        """The doubts on which the operator's word is missing."""
        return open_of(self.doubts, self.accepted, self.attempt)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the seed may not leave whatever anybody accepts: each can be put right, and is looked at again by the next run."""
        reasons = [] if self.rehearsal.passed else [f"the rehearsal failed: {self.rehearsal.why}"]
        if compared := self.compared:
            empty = {
                "databases were compared": compared.databases,
                "images were compared": compared.images,
                "secrets were compared": compared.secrets,
            }
            reasons += [f"no {what}" for what, found in empty.items() if not found]
            reasons += [f"no secret was decrypted: {kind}" for kind, count in compared.secrets.items() if not count]
        if self.quiesced and not self.quiesced.ids:
            reasons.append("no IDs were compared")
        return tuple(reasons)

    @property
    def may_leave(self) -> bool:
        return not self.refusals and not self.open

    @property
    def verdict(self) -> str:
        """The one line for which all of this was done."""
        if not self.may_leave:
            return f"SAFE TO LEAVE: NO, because {self.why}"
        if self.doubts:
            by = ", ".join(sorted({one.by for one in self.accepted}))
            names = ", ".join(one.name for one in self.doubts)
            return f"SAFE TO LEAVE: YES, since {utc(self.time)}, with doubts accepted by {by}: {names}"
        return f"SAFE TO LEAVE: YES, since {utc(self.time)}"

    @property
    def why(self) -> str:
        """Why it may leave, or may not."""
        waiting = f"it waits for your word on {'; '.join(map(str, self.open))}" if self.open else ""
        return "; ".join(filter(None, (*self.refusals, waiting))) or self.rehearsal.why

    @property
    def longest_gap_seconds(self) -> float | None:
        return max((gap.longest_seconds for gap in self.owned.gaps), default=None)

    def tree(self) -> dict[str, JSON]:
        """What is signed, as JSON takes it."""
        before = self.quiesced.ids if self.quiesced else {}
        return {
            "site": self.site,
            "verdict": self.verdict,
            "may_leave": self.may_leave,
            "time": utc(self.time),
            "why": self.why,
            "attempt": self.attempt,
            "doubts": encode(self.doubts),
            "accepted": encode(self.accepted),
            "seed": self.seed,
            "vip": {"address": self.vip, "holder": self.vip_holder},
            "members": encode(self.members),
            "phases": {phase: utc(began) for phase, began in self.phases.items()},
            "ids": {"before": before, "after": self.owned.ids, "changed": self.owned.ids_changed},
            "node_reboots": self.owned.node_reboots,
            "compared": self._compared(),
            "api_gaps": [
                {"api": gap.api, "polls": gap.polls, "failed": gap.failed, "longest_seconds": gap.longest_seconds}
                for gap in self.owned.gaps
            ],
            "longest_gap_seconds": self.longest_gap_seconds,
            "write_pause_seconds": self.write_pause_seconds,
            "rehearsal": encode(self.rehearsal),
            "remains": REMAINS,
            **({"format": FORMAT, "evidence": encode(self.evidence)} if self.evidence else {}),
        }

    def _compared(self) -> JSON:
        found = self.compared
        if found is None:
            return None
        return {
            "transaction": found.seqno,
            "databases": [one._asdict() for one in found.databases],
            "images": encode(found.images),
            "secrets_decrypted_on_each_member": dict(found.secrets),
            "ironic_nodes_without_a_password": list(found.without_password),
        }

    def same_as(self, tree: Mapping[str, JSON]) -> bool:
        """Whether a receipt that was written before says the same: all but its time, and the reasons in other words."""
        return _timeless(json.loads(json.dumps(self.tree()))) == _timeless(tree)


def doubts_of(
    record: Record, owned: Owned, rehearsal: Rehearsal, silent: Mapping[str, str] = _NONE
) -> tuple[Doubt, ...]:
    """Every doubt that is left, each name once. A record of an older version has counts in place of doubts."""
    found = list(owned.doubts)
    if adopted := record.adopted:
        found.append(doubts.seed_lost(adopted.last, adopted.before_commit))
    if not owned.doubts and owned.ids_changed:
        found += doubts.ids(Lost(tuple(["a resource that is not named"] * owned.ids_changed), ()))
    if not owned.doubts and owned.node_reboots:
        found.append(doubts.reboot(f"{owned.node_reboots}-nodes"))
    if not owned.gaps:
        found.append(doubts.gap("", "there are no samples", partly=False))
    if record.quiesced is None:
        found.append(doubts.before_unknown())
    if record.compared is None:
        found.append(doubts.comparison_unknown())
    if record.committed is None or record.committed.write_pause is None:
        found.append(doubts.pause_unknown())
    found += rehearsal.doubts
    found += [doubts.silent(name, why) for name, why in sorted(silent.items())]
    first: dict[str, Doubt] = {}
    for one in found:
        first.setdefault(one.name, one)
    return tuple(first.values())


def _timeless(tree: Mapping[str, JSON]) -> dict[str, JSON]:
    listed = tree.get("doubts")
    names = (
        [(one.get("name"), one.get("what")) for one in listed if isinstance(one, Mapping)]
        if isinstance(listed, list)
        else []
    )
    return {
        **{key: value for key, value in tree.items() if key not in _CHANGING},
        "doubts": [list(one) for one in names],
    }


def sign(receipt: Receipt, key: Secret) -> str:
    """The receipt as JSON text with its signature. `key` is PEM, ed25519."""
    return sign_tree(receipt.tree(), key)


def utc(moment: datetime) -> str:
    """As the receipt writes a time."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
