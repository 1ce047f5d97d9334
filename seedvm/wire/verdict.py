"""The verdict on the rehearsal as a datagram: JSON and an HMAC-SHA256 over it, keyed by the site's hand-off key.

The muted seed hears it and cannot ask back, so the datagram must speak for itself. A datagram that is too long, of another
rehearsal, or with a wrong HMAC is refused: None, not an exception, for anybody may send bytes to a UDP port.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, replace

from seedvm.base.secret import Secret
from seedvm.foreign.text import shown

PORT = 5999
_MAGIC = b"seedvm1 "
_LONGEST = 1400


@dataclass(frozen=True)
class Verdict:
    """How the rehearsal `token` went, in one line; the whole account stays on the member."""

    token: str
    member: str
    passed: bool
    why: str


def pack(verdict: Verdict, key: Secret) -> bytes:
    """Magic, hex HMAC, JSON. A long reason is cut, so that it fits one frame, whatever its letters take."""
    room = _LONGEST - len(_MAGIC) - 65
    for most in (400, 200, 100, 0):
        body = json.dumps(asdict(replace(verdict, why=shown(verdict.why, most)))).encode()
        if len(body) <= room:
            break
    return _MAGIC + _mac(body, key) + b" " + body


def unpack(datagram: bytes, key: Secret, token: str) -> Verdict | None:
    """The verdict on rehearsal `token`, or None for anything else."""
    head, mac_end = len(_MAGIC), len(_MAGIC) + 64
    if len(datagram) > _LONGEST or not datagram.startswith(_MAGIC) or datagram[mac_end : mac_end + 1] != b" ":
        return None
    body = datagram[mac_end + 1 :]
    if not hmac.compare_digest(datagram[head:mac_end], _mac(body, key)):
        return None
    try:
        tree = json.loads(body)
        verdict = Verdict(str(tree["token"]), str(tree["member"]), tree["passed"] is True, str(tree["why"]))
    except (ValueError, KeyError, TypeError):
        return None
    return verdict if verdict.token == token else None


def seal(value: str, key: Secret) -> str:
    """A keyed hash of a secret: members may compare it, nobody can read it back."""
    return hmac.new(key.reveal().encode(), value.encode(), hashlib.sha256).hexdigest()


def _mac(body: bytes, key: Secret) -> bytes:
    return hmac.new(key.reveal().encode(), body, hashlib.sha256).hexdigest().encode()
