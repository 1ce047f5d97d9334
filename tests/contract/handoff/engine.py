"""An engine of the lab that dies in the middle: MODULE.CLASS WORDS. It applies one step of the hand-off and kills itself by SIGKILL
right before the line of that step's class in which the words are, or, as MODULE::WORDS, of another module of seedvm; nothing in the shipped
code knows of it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from seedvm.engine.step import Context
from seedvm.handoff.members import Members
from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_secrets
from tests.contract.handoff.wire import Told, Wire

STATE = Path("/var/lib/site")


def die_at(source: str, line: int) -> None:
    """Have this process killed when that line of that file is about to run."""

    def each_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and frame.f_lineno == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return each_line

    sys.settrace(lambda frame, event, argument: each_line if frame.f_code.co_filename == source else None)


def main(step: str, words: str) -> None:
    module_name, _, class_name = step.rpartition(".")
    module = importlib.import_module(f"seedvm.steps.{module_name}")
    site, secrets = load_site(STATE / "site.yaml"), load_secrets(STATE / "secrets.yaml")
    kind = getattr(module, class_name)
    members = Members(site, secrets, STATE, connect=lambda _: Wire(Path("/run/wire")))
    made = kind(Context(site, secrets, STATE, STATE) if module_name == "seed" else members)
    elsewhere, _, rest = words.rpartition("::")
    place = importlib.import_module(f"seedvm.{elsewhere}") if elsewhere else kind
    lines, first = inspect.getsourcelines(place)
    number = next(max(first, 1) + index for index, line in enumerate(lines) if rest in line)
    die_at(str(inspect.getsourcefile(place)), number)
    asyncio.run(made.apply(Told()))


if __name__ == "__main__":
    main(*sys.argv[1:])
