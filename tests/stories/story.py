"""What a story has in its hands, and what becomes of it: parameters, a folder, a line for the terminal, and the record of one run."""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

HOME = Path(__file__).parent
SOURCE = HOME.parents[1]
_NO_STORIES = ("story", "experiments", "__main__")

Figures: TypeAlias = Mapping[str, float | int | str]


@dataclass
class Story:
    """One run of one story; `folder` is its own and empty at the beginning."""

    name: str
    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    parameters: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def number(self, name: str, usual: int) -> int:
        """A parameter: what the environment says, or what is usual. It is in the record either way."""
        given = self.environment.get(name, "").strip()
        try:
            value = int(given) if given else usual
        except ValueError:
            raise SystemExit(f"{name}={given} is not a whole number") from None
        self.parameters[name] = value
        return value

    def say(self, text: str) -> None:
        """A line for the terminal, with the seconds so far."""
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)

    @property
    def record(self) -> Path:
        return self.folder.with_suffix(".json")


def listed() -> dict[str, tuple[str, str]]:
    """Every story by name: what it proves, and how long it takes."""
    found = {}
    for module in pkgutil.iter_modules([str(HOME)]):
        if module.name in _NO_STORIES:
            continue
        said = (ast.get_docstring(ast.parse((HOME / f"{module.name}.py").read_text())) or "").splitlines()
        takes = next((line for line in said if line.startswith("Takes ")), "")
        found[module.name.replace("_", "-")] = (said[0] if said else "", takes)
    return found


def tell(story: Story, run: Callable[[Story], Figures]) -> str:
    """Run it and leave its record; the verdict. What is no AssertionError goes on after the record is written."""
    shutil.rmtree(story.folder, ignore_errors=True)
    story.folder.mkdir(parents=True)
    story.record.unlink(missing_ok=True)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    verdict, error, figures = "interrupted", "", {}
    try:
        figures = dict(run(story))
        verdict = "passed"
    except AssertionError as failure:
        verdict, error = "failed", str(failure)
    except Exception as failure:
        verdict, error = "failed", f"{type(failure).__name__}: {failure}"
        raise
    finally:
        seconds = round(time.monotonic() - story.began, 1)
        tree = {"story": story.name, "verdict": verdict, "began": began, "seconds": seconds}
        tree |= {"parameters": story.parameters, "figures": figures, "error": error}
        story.record.write_text(json.dumps(tree, indent=1) + "\n")
    return verdict
