"""What the commands share: exit codes and how an answer or an error is put on the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from seedvm.base.errors import SeedvmError

if TYPE_CHECKING:
    from seedvm.engine.step import Context, Step

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BLOCKED = 3
EXIT_BUSY = 4

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def say(text: str) -> None:
    print(text, flush=True)


def answer(tree: object) -> None:
    """Print JSON for programs."""
    print(json.dumps(tree, indent=2, ensure_ascii=False, default=str), flush=True)


def fail(error: SeedvmError, as_json: bool) -> None:
    """Print an error on standard error: for people in lines, for programs as one JSON object."""
    if as_json:
        tree = {"what": error.what, "machine": error.machine, "why": error.why, "hint": error.hint}
        print(json.dumps({"error": tree}, ensure_ascii=False), file=sys.stderr)
    else:
        print("\n".join(["seedvm: " + error.lines()[0], *error.lines()[1:]]), file=sys.stderr, flush=True)


def require_checkout(command: str) -> None:
    """Refuse a command that works on the source tree where there is none: a wheel holds the program, not what images are made of."""
    source = Path(__file__).resolve().parents[2]
    if not (source / "elements").is_dir():
        raise SeedvmError(
            f"{command} needs a source checkout",
            why=f"images are built from elements/ and appliance/, and {source} contains neither",
            hint="clone the repository, run `make host` in it, then .venv/bin/" + command,
        )


def steps_of(context: Context) -> tuple[Step, ...]:
    from seedvm.plan import build_plan  # the last import: it loads OpenStack's SDK, and a wrong site is refused before

    return build_plan(context)
