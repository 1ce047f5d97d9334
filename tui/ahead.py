"""Keys typed ahead of a slow line: what follows Enter in a field waits until Enter has done its work.

Textual gives each key to the widget that has the focus when the key comes. Enter moves the focus only after it has gone from the field
up to the page and back; a password typed meanwhile would stand readable in the field before. Holds no key for more than a second.
"""

from __future__ import annotations

from collections import deque

from textual.app import App
from textual.events import Key
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

LAPS = 2  # behind the key up to the app, then behind what the field has told the page
MOST_SECONDS = 1.0


class Lap(Message):
    """Goes from a field up to the app, behind all that the field has sent before; `left` laps with this one."""

    def __init__(self, field: Widget, left: int) -> None:
        super().__init__()
        self.field, self.left = field, left
        self.set_sender(field)


class TypedAhead:
    """The keys that wait, in their order, and the lap that they wait for."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[Key] = deque()
        self._awaited: Lap | None = None
        self._latest: Timer | None = None

    def holds(self, key: Key) -> bool:
        """Whether this key has to wait; it is kept and comes again."""
        if self._awaited is not None:
            self._waiting.append(key)
        return self._awaited is not None

    def sent(self, key: Key, to: Widget | None) -> None:
        """The key was given to a widget."""
        if key.key == "enter" and isinstance(to, Input):
            self._latest = self._app.set_timer(MOST_SECONDS, self.release)  # the field may have gone meanwhile
            self._run(to, LAPS)

    async def back(self, lap: Lap) -> None:
        """A messenger came back."""
        if lap is self._awaited and lap.left > 1:
            self._run(lap.field, lap.left - 1)
        elif lap is self._awaited:
            await self.release()

    async def release(self) -> None:
        """Give out what waits, up to the next Enter, before any key that comes now."""
        self._awaited = None
        if self._latest is not None:
            self._latest.stop()
        while self._waiting and self._awaited is None:
            await self._app.on_event(self._waiting.popleft())

    def _run(self, field: Widget, laps: int) -> None:
        self._awaited = Lap(field, laps)
        field.post_message(self._awaited)
