"""The trace: what seedvm did outside of itself, one JSON object a line. Off unless `SEEDVM_TRACE` names a file (`--trace` sets it).

`kind` is command, process, api, bmc or error; `ms` is how long it took, and `result` an exit code, an HTTP status, what a BMC
answered, or the error that came instead. Processes that are started inherit the variable and write to the same file.

It refuses headers, bodies and environments, for nobody can hand them in, and strikes out every secret that this process knows. It
never fails what is traced: a disk that is full ends the trace and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeAlias

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import strike_known

Kind: TypeAlias = Literal["command", "process", "api", "bmc", "error"]
Value: TypeAlias = str | int | float | Sequence[str] | None

VARIABLE = "SEEDVM_TRACE"
NAME = "trace.jsonl"
MOST_BYTES = 16 * 1024 * 1024
"""A file that is longer becomes NAME.1, in the place of the one before: two files are kept."""


def begin(path: Path, argv: Sequence[str]) -> None:
    """Trace this process and those it starts into `path`, from this command on. Raises SeedvmError where that cannot be written."""
    os.environ[VARIABLE] = str(path.absolute())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append(path.absolute(), _line("command", argv=argv))
    except OSError as error:
        raise SeedvmError(
            f"the trace cannot be written to {path}",
            why=error.strerror or str(error),
            hint=f"use another file: {VARIABLE}=FILE seedvm ...",
        ) from None


def record(kind: Kind, **what: Value) -> None:
    """Add one line, if there is a trace."""
    path = os.environ.get(VARIABLE)
    if path:
        with contextlib.suppress(OSError):
            _append(Path(path), _line(kind, **what))


def error(failed: BaseException, where: str) -> None:
    """An error with all of its frames, its causes and, of a group, every member."""
    record("error", where=where, result=_words(failed), traceback="".join(traceback.format_exception(failed)))


class Call:
    """`with Call("api", method=...) as call: ...; call.result = 200` records what was done inside, with its milliseconds."""

    def __init__(self, kind: Kind, **what: Value) -> None:
        self.result: str | int | None = None
        self._kind = kind
        self._what = what
        self._began = time.monotonic()

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, frames: TracebackType | None
    ) -> None:
        if raised is not None and self.result is None:
            self.result = _words(raised)
        record(self._kind, **self._what, ms=round((time.monotonic() - self._began) * 1000, 1), result=self.result)


def _words(raised: BaseException) -> str:
    return f"{type(raised).__name__}: {raised}".rstrip(": ")


def _line(kind: Kind, **what: Value) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    shown = {name: _hidden(value) for name, value in what.items()}
    return json.dumps({"time": now, "pid": os.getpid(), "kind": kind, **shown}).encode() + b"\n"


def _hidden(value: Value) -> Value:
    if isinstance(value, str):
        return strike_known(value)
    return [strike_known(word) for word in value] if isinstance(value, Sequence) else value


def _append(path: Path, line: bytes) -> None:
    """One write by one process at a time. Who finds the file full puts it aside and is the last to write to it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        found = os.fstat(descriptor)
        if found.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        os.write(descriptor, line)
        if found.st_size + len(line) > MOST_BYTES and path.stat().st_ino == found.st_ino:
            path.replace(path.with_name(f"{path.name}.1"))
    finally:
        os.close(descriptor)
