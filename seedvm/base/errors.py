"""The one kind of error which an operator sees. It refuses to be vague: what, which machine, why, what next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass


class SeedvmError(Exception):
    """What happened, to which machine, why, and what to do next.

    `what` is a sentence without a full stop. `hint` is an order to the operator. None of them may hold a secret. `passing` is True
    where the cause may pass without the operator, so that another attempt is worth its time.
    """

    passing: bool = False

    def __init__(self, what: str, *, machine: str | None = None, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.machine = machine
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.machine}: {self.what}" if self.machine else self.what
        if self.why:
            text += f": {self.why}"
        if self.hint:
            text += f" ({self.hint})"
        return text

    def lines(self) -> list[str]:
        """The error for a terminal, a part a line."""
        head = f"{self.machine}: {self.what}" if self.machine else self.what
        return [
            head,
            *(f"  why:  {line}" for line in self.why.splitlines()),
            *([f"  next: {self.hint}"] if self.hint else []),
        ]


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file: the line counts from 1, 0 says that the file as a whole is meant."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"line {self.line}" if self.line else "", self.where, self.message)))


class InvalidFile(SeedvmError):
    """A file of the operator's is refused, with everything that is wrong in it and not the first thing alone."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            f"{path} has {count}",
            why="\n".join(str(problem) for problem in self.problems),
            hint="fix these lines; nothing has been changed",
        )


def in_words(error: OSError) -> SeedvmError:
    """What the system refused, to which file or address, and what to do about it."""
    where = str(error.filename) if error.filename is not None else ""
    why = error.strerror or str(error) or type(error).__name__
    if not isinstance(error, PermissionError):
        return SeedvmError(f"{where} cannot be used" if where else "the system refused this", why=why)
    if os.geteuid() == 0:
        return SeedvmError(f"{where or 'this'} cannot be used, not even by root", why=why)
    return SeedvmError(
        f"{where} belongs to root" if where else "only root may do this",
        why=why,
        hint="run the same command as root: sudo ...",
    )
