"""`member mute`: the seed falls silent and listens for the verdict on the rehearsal. Runs as a unit on the seed.

It leaves its outcome in /run/seedvm/mute.json. It refuses to stay silent beyond its deadline.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import encode
from seedvm.controller import mute as silence
from seedvm.wire.verdict import Verdict

OUTCOME = Path("/run/seedvm/mute.json")


@dataclass(frozen=True)
class MuteRequest:
    """Which rehearsal (`token`), the key that its verdict is signed with, how long to be silent, where to write the outcome."""

    handoff_key: Secret
    token: str
    seconds: float
    outcome: str = str(OUTCOME)


@dataclass(frozen=True)
class Muted:
    """How the silence ended: with a verdict, or at its deadline without one."""

    token: str
    heard: bool
    verdict: Verdict | None


def mute(request: MuteRequest) -> Muted:
    """Be silent until the verdict is heard."""
    heard = silence.listen(request.handoff_key, request.token, request.seconds)
    outcome = Muted(request.token, heard is not None, heard)
    write_private(Path(request.outcome), json.dumps(encode(outcome)))
    return outcome
