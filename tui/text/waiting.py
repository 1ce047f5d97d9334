"""Something that is waited for: what it is, how long it has taken so far, how long it usually takes. Pure but for the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tui.text.format import duration


@dataclass(frozen=True)
class Wait:
    """`usual` is in seconds; with `ends` it is not the usual time but the time after which it is over for certain."""

    what: str
    usual: float
    ends: bool = False
    began: float = field(default_factory=time.monotonic)

    @property
    def gone(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def __str__(self) -> str:
        return f"{self.what}: {duration(self.gone)} {'of' if self.ends else 'so far, usually'} {duration(self.usual)}"
