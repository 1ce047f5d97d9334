"""The bar of time, which never goes back, and the time of YES, which never moves later without a word. Remembers what it has shown.

The operator's own time is no work: while somebody is waited for the bar stands, and the time left counts from their answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.engine.state import State
from tui.state.estimate import Forecast, forecast, gone_of, usual_of

_WORD_SECONDS = 120.0
_LATER_SECONDS, _LATER_SHARE = 45.0, 0.12


@dataclass(frozen=True)
class Later:
    """The estimate moved: by how many seconds, and why (a step's title with what it takes and took; a machine; or nothing known)."""

    seconds: float
    why: str


@dataclass(frozen=True)
class Reading:
    """What to show: `share` of the bar, 0 to 1, and the forecast, None without a plan. `stands`: no engine is at work."""

    share: float = 0.0
    forecast: Forecast | None = None
    stands: bool = True
    later: Later | None = None


class Gauge:
    """One site's; `read` is given the state whenever it is shown."""

    def __init__(self) -> None:
        self._site = ""
        self._started: float | None = None
        self._share = 0.0
        self._whole = 0.0
        self._later: Later | None = None
        self._said = 0.0

    def read(self, state: State, now: float, *, working: bool, left: bool = False) -> Reading:
        """`working`: an engine is at work; `left`: the laptop may leave."""
        if (state.site, state.started) != (self._site, self._started):
            self.__init__()  # type: ignore[misc]
            self._site, self._started = state.site, state.started
        made = forecast(state, now, working=working)
        if made is None:
            return Reading()
        self._share = 1.0 if left else max(self._share, min(0.995, made.share))
        self._compare(state, made, now, working=working)
        word = self._later if working and made.worked - self._said < _WORD_SECONDS else None
        return Reading(self._share, made, not working, None if left else word)

    def _compare(self, state: State, made: Forecast, now: float, *, working: bool) -> None:
        whole = made.worked + made.left
        moved = whole - self._whole
        if not self._whole or moved < 0:
            self._whole = whole
        elif working and moved > max(_LATER_SECONDS, _LATER_SHARE * made.left):
            self._whole, self._later, self._said = whole, Later(moved, _why(state, now)), made.worked


def _why(state: State, now: float) -> str:
    step = state.current
    if step is None:
        return "the engine began again"
    failed = next((node.node for node in state.nodes.values() if node.phase == "failed"), "")
    if step.name == "deploy" and failed:
        return f"{failed} failed"
    if gone_of(step, now) > usual_of(state, step):
        return f"'{step.title}' takes longer than usual"
    return "steps take longer here than usual"
