"""Why a command of ours refused, from what it printed with --json."""

from __future__ import annotations

import json

from seedvm.base import process
from seedvm.base.errors import SeedvmError


def refusal(done: process.Completed, what: str) -> SeedvmError:
    """Its own error; `what` with the end of its output where it printed none."""
    try:
        error = json.loads(done.stdout or done.stderr)["error"]
        return SeedvmError(str(error["what"]), why=str(error["why"]), hint=str(error["hint"]))
    except (ValueError, KeyError, TypeError):
        why = (done.stderr or done.stdout).strip()[-300:]
        return SeedvmError(what, why=why or f"exit code {done.returncode}")
