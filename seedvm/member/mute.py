"""`member mute`: the seed falls silent and listens for the verdict on the rehearsal. Runs as a unit on the seed.

It leaves its outcome in /run/seedvm/mute.json. It refuses to stay silent beyond its deadline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.controller import mute as silence

OUTCOME = Path("/run/seedvm/mute.json")


def mute(request: Mapping[str, Any]) -> dict[str, Any]:
    """Request: handoff_key, token, seconds; optional outcome (path). Answer: {token, heard, verdict}."""
    key, token = Secret(request["handoff_key"]), str(request["token"])
    heard = silence.listen(key, token, float(request["seconds"]))
    outcome = {"token": token, "heard": heard is not None, "verdict": asdict(heard) if heard else None}
    write_private(Path(request.get("outcome", OUTCOME)), json.dumps(outcome))
    return outcome
