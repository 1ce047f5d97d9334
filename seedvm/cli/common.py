"""What the commands share: exit codes and how an answer or an error is put on the terminal."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from seedvm.base.errors import SeedvmError
from seedvm.foreign.json_document import dumps
from seedvm.foreign.text import printable

if TYPE_CHECKING:
    from seedvm.engine.step import Context, Step

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BLOCKED = 3
EXIT_BUSY = 4

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def say(*lines: str, error: bool = False) -> None:
    """Print lines for people, with `error` on standard error. Every command prints by this and by `answer` alone: each line stays one
    line, and nothing in it acts on the terminal, whatever a BMC, a file or an error put there."""
    print("\n".join(map(printable, lines)), file=sys.stderr if error else sys.stdout, flush=True)


def ask(question: str) -> str:
    """What is typed on one line, without the blanks around it; "" where nothing more can be typed, or it is no text."""
    try:
        return input(printable(question)).strip()
    except (EOFError, UnicodeDecodeError):
        return ""


def answer(tree: object, *, indent: int | None = 2, error: bool = False) -> None:
    """Print JSON for programs, on one line where `indent` is None."""
    print(dumps(tree, indent=indent, default=str), file=sys.stderr if error else sys.stdout, flush=True)


def fail(error: SeedvmError, as_json: bool) -> None:
    """Print an error on standard error: for people in lines, for programs as one JSON object."""
    if as_json:
        tree = {"what": error.what, "machine": error.machine, "why": error.why, "hint": error.hint}
        answer({"error": tree}, indent=None, error=True)
    else:
        say("seedvm: " + error.lines()[0], *error.lines()[1:], error=True)


def require_checkout(command: str) -> None:
    """Refuse a command that works on the source tree where there is none: a wheel holds the program, not what images are made of."""
    source = Path(__file__).resolve().parents[2]
    if not (source / "elements").is_dir():
        raise SeedvmError(
            f"{command} needs a source checkout",
            why=f"images are built from elements/ and appliance/, and {source} contains neither",
            hint="clone the repository, run `make host` in it, then .venv/bin/" + command,
        )


def require_root(command: str, why: str) -> None:
    """Refuse at once what would fail after minutes."""
    if os.geteuid() != 0:
        raise SeedvmError(f"{command} needs root", why=why, hint="run the same command as root: sudo ...")


def steps_of(context: Context) -> tuple[Step, ...]:
    from seedvm.plan import build_plan  # the last import: it loads OpenStack's SDK, and a wrong site is refused before

    return build_plan(context)
