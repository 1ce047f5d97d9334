"""The receipt: the signed statement that the seed may leave, with its evidence, as JSON and as a page for people.

`seedvm.site.receipt` signs it, and verifies it wherever something is decided by it. It refuses to say "safe" when an id changed, a part of
the rehearsal did not pass, or something that was to be compared is an empty set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.typed_json import encode
from seedvm.handoff.compare import DatabaseDigest
from seedvm.handoff.record import Record
from seedvm.handoff.services import Ids, ListedImage
from seedvm.member.rehearse import Rehearsal
from seedvm.member.watch import Gap
from seedvm.site.receipt import sign_tree

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
    """

    site: str
    time: datetime
    seed: str
    vip: str
    vip_holder: str
    members: tuple[Member, ...]
    phases: Mapping[str, datetime]
    ids_before: Ids
    ids_after: Ids
    ids_changed: int
    node_reboots: int
    seqno: int
    databases: tuple[DatabaseDigest, ...]
    images: tuple[ListedImage, ...]
    secrets: Mapping[str, int]
    gaps: tuple[Gap, ...]
    write_pause_seconds: float
    rehearsal: Rehearsal

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
    ) -> Receipt:
        """From what the phases measured; what nobody measured is refused by the phase that should have."""
        quiesced, compared, committed, owned = record.quiesced, record.compared, record.committed, record.owned
        if quiesced is None or compared is None or committed is None or committed.write_pause is None or owned is None:
            raise SeedvmError(
                "measurements for the receipt are missing",
                why=", ".join(unmeasured(record)),
                hint="handoff.json has no results of these phases: restore handoff.json in the state folder from a copy, then run again",
            )
        return cls(
            site=site,
            time=time,
            seed=seed,
            vip=vip,
            vip_holder=committed.vip_holder,
            members=tuple(members),
            phases={phase: datetime.fromtimestamp(began, UTC) for phase, began in record.began.items()},
            ids_before=quiesced.ids,
            ids_after=owned.ids,
            ids_changed=owned.ids_changed,
            node_reboots=owned.node_reboots,
            seqno=compared.seqno,
            databases=compared.databases,
            images=compared.images,
            secrets=compared.secrets,
            gaps=owned.gaps,
            write_pause_seconds=committed.write_pause,
            rehearsal=rehearsal,
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the seed may not leave; empty when it may."""
        reasons = []
        if self.ids_changed:
            reasons.append(f"IDs changed by the hand-off: {self.ids_changed}")
        if self.node_reboots:
            reasons.append(f"nodes rebooted during the hand-off: {self.node_reboots}")
        if not self.rehearsal.passed:
            reasons.append(f"the rehearsal failed: {self.rehearsal.why}")
        empty = {
            "databases were compared": self.databases,
            "images were compared": self.images,
            "secrets were compared": self.secrets,
            "API gaps were measured": self.gaps,
            "IDs were compared": self.ids_before,
        }
        reasons += [f"no {what}" for what, found in empty.items() if not found]
        reasons += [f"no secret was decrypted: {kind}" for kind, count in self.secrets.items() if not count]
        return tuple(reasons)

    @property
    def verdict(self) -> str:
        """The one line for which all of this was done."""
        if self.doubts:
            return f"SAFE TO LEAVE: NO, because {'; '.join(self.doubts)}"
        return f"SAFE TO LEAVE: YES, since {utc(self.time)}"

    @property
    def why(self) -> str:
        """Why it may leave, or may not."""
        return "; ".join(self.doubts) or self.rehearsal.why

    @property
    def longest_gap_seconds(self) -> float | None:
        return max((gap.longest_seconds for gap in self.gaps), default=None)

    def tree(self) -> dict[str, JSON]:
        """What is signed, as JSON takes it."""
        return {
            "site": self.site,
            "verdict": self.verdict,
            "may_leave": not self.doubts,
            "time": utc(self.time),
            "why": self.why,
            "seed": self.seed,
            "vip": {"address": self.vip, "holder": self.vip_holder},
            "members": encode(self.members),
            "phases": {phase: utc(began) for phase, began in self.phases.items()},
            "ids": {"before": self.ids_before, "after": self.ids_after, "changed": self.ids_changed},
            "node_reboots": self.node_reboots,
            "compared": {
                "transaction": self.seqno,
                "databases": [one._asdict() for one in self.databases],
                "images": encode(self.images),
                "secrets_decrypted_on_each_member": dict(self.secrets),
            },
            "api_gaps": [
                {"api": gap.api, "polls": gap.polls, "failed": gap.failed, "longest_seconds": gap.longest_seconds}
                for gap in self.gaps
            ],
            "longest_gap_seconds": self.longest_gap_seconds,
            "write_pause_seconds": self.write_pause_seconds,
            "rehearsal": encode(self.rehearsal),
            "remains": REMAINS,
        }


def sign(receipt: Receipt, key: Secret) -> str:
    """The receipt as JSON text with its signature. `key` is PEM, ed25519."""
    return sign_tree(receipt.tree(), key)


def utc(moment: datetime) -> str:
    """As the receipt writes a time."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def unmeasured(record: Record) -> tuple[str, ...]:
    """The phases which have left no figures that a receipt needs."""
    needed = {
        "QUIESCE": record.quiesced,
        "COMPARE": record.compared,
        "COMMIT": record.committed and record.committed.write_pause,
        "OWN": record.owned,
    }
    return tuple(phase for phase, figures in needed.items() if figures is None)
