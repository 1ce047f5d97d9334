"""Which events of a run are news to who reads them as lines. The journal has them all; it is the lines that are few."""

from __future__ import annotations

from seedvm.engine import events
from seedvm.engine.events import Entry

_TENTHS = 10
_FEW = 20  # of so many services or machines each one is news


class Changes:
    """Remembers what was shown of each node, phase, fact and count, and passes what differs from it: of a count, each tenth."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, ...], object] = {}

    def is_news(self, entry: Entry) -> bool:
        """Whether the entry says something that was not shown yet."""
        if isinstance(entry.event, events.RunStarted):
            self._shown.clear()
        news = _news(entry)
        if news is None:
            return True
        about, what = news
        before = self._shown.get(about)
        self._shown[about] = what
        return before != what


def _news(entry: Entry) -> tuple[tuple[str, ...], object] | None:
    """What an event is about and what it says of it; None for one that always is news."""
    match entry.event:
        case events.NodeReached(node, phase, detail, percent):
            return ("node", node), (phase, detail if percent is None else int(percent / 100 * _TENTHS))
        case events.PhaseReached(phase, state, detail):
            return ("phase", phase), (state, detail)
        case events.Progress(done, total, unit):
            return ("progress", entry.step or "", unit), (total, done if total <= _FEW else int(done / total * _TENTHS))
        case events.Fact(name, value):
            return ("fact", name), value
    return None
