"""`member testify`: this member's own evidence, signed with its own key, for the receipt.

The key is made on the member at the first call and never leaves it (/var/lib/seedvm/member.key, 0600). It refuses to sign what it was told:
all but the names of site, hand-off and member is what this machine sees of itself.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import encode_record
from seedvm.controller import galera, vip
from seedvm.controller.boot import booted
from seedvm.member import notes
from seedvm.site.evidence import SignedEvidence, sign_evidence

_KEY = "member.key"
_WITNESSED = ("site.yaml", "inventory.json", "rehearsal.json", "images.json")


@dataclass(frozen=True)
class TestifyRequest:
    """For which site, hand-off and member (its name there); the address that it may hold."""

    site: str
    attempt: str
    member: str
    vip: str
    folder: str = str(notes.FOLDER)


@dataclass(frozen=True)
class Seen:
    """What the member sees of itself: its own clock and boot, whether it has the VIP, its database, its own record of this hand-off
    ("PHASE state time"), and the SHA-256 of what it keeps."""

    site: str
    attempt: str
    member: str
    host: str
    time: str
    booted: str
    holds_vip: bool
    database: str
    record: tuple[str, ...]
    kept: Mapping[str, str]


def testify(request: TestifyRequest) -> SignedEvidence:
    """Look, and sign."""
    lines = notes.notes(notes.NotesRequest(request.folder))
    seen = Seen(
        site=request.site,
        attempt=request.attempt,
        member=request.member,
        host=socket.gethostname(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        booted=booted(),
        holds_vip=vip.holds(request.vip),
        database=_database(),
        record=tuple(
            f"{one.phase} {one.state} {one.time}" for one in lines if one.attempt in (None, "", request.attempt)
        ),
        kept=notes.kept(notes.KeptRequest(_WITNESSED, request.folder)),
    )
    return sign_evidence(encode_record(seen), _own_key(Path(request.folder)))


def _database() -> str:
    try:
        with galera.connect(timeout=10) as connection:
            said = galera.status(connection)
    except SeedvmError as error:
        return error.what
    return f"{said.state}, {said.cluster_status}, {said.cluster_size} members, cluster {said.uuid}"


def _own_key(folder: Path) -> Secret:
    path = folder / _KEY
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, made)
    return Secret(path.read_text())
