"""Keys typed ahead: what follows a key waits until that key has done its work, and what follows a new page until the page is built.

Textual gives each key to the widget that has the focus when the key comes. Enter, F2 or Esc change focus or page only after they have
gone from a widget up to the app and back; on a slow line or machine a password typed meanwhile would stand readable in the field
before, and a letter would be an order on the page before. No clock decides here: a messenger goes behind the key, and the next key
waits until it is back, or until it can no longer come because its page is not in front any more.
"""

from __future__ import annotations

from collections import deque

from textual.app import App
from textual.events import Key, Paste
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

LAPS = 2  # behind the key up to the app, then behind what the field has told the page
LOOK_SECONDS = 0.1
"""How often it is looked whether the messenger can still come."""


class Lap(Message):
    """Goes from a widget up to the app, behind all that the widget has sent before; `left` laps with this one."""

    def __init__(self, field: Widget, left: int) -> None:
        super().__init__()
        self.field, self.left = field, left
        self.set_sender(field)


class TypedAhead:
    """The keys that wait, in their order, and the lap that they wait for."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[Key | Paste] = deque()
        self._awaited: Lap | None = None
        self._front: Screen[object] | None = None  # the page that keys go to
        self._look: Timer | None = None

    def holds(self, key: Key | Paste) -> bool:
        """Whether this key, or what was pasted, has to wait; it is kept and comes again."""
        if self._must_wait():
            self._waiting.append(key)
            return True
        return False

    def sent(self, key: Key | Paste, to: Widget | None) -> None:
        """The key was given to a widget, or to the page where none has the focus."""
        typed = isinstance(key, Paste) or (isinstance(to, Input) and key.is_printable)  # stays in the field
        if not typed and self._app.screen_stack:
            self._run(to or self._app.screen, LAPS)

    async def back(self, lap: Lap) -> None:
        """A messenger came back."""
        if lap is self._awaited and not (lap.left > 1 and self._run(lap.field, lap.left - 1)):
            await self._release()

    async def _release(self) -> None:
        # What waits is given out, up to the next key that has to do its work first, before any key that comes now.
        self._awaited = None
        while self._waiting and not self._must_wait():
            await self._app.on_event(self._waiting.popleft())
        if self._awaited is None and self._look is not None:
            self._look.stop()
            self._look = None

    def _must_wait(self) -> bool:
        if self._awaited is None and self._app.screen_stack and self._app.screen is not self._front:
            self._front = self._app.screen
            self._run(self._front, LAPS)  # it comes back when the page is built and has its focus
        return self._awaited is not None

    async def _looked(self) -> None:
        if self._awaited is not None and not self._may_come(self._awaited):
            await self._release()

    def _may_come(self, lap: Lap) -> bool:
        return lap.field.is_running and lap.field.is_attached and lap.field.screen is self._app.screen

    def _run(self, field: Widget, laps: int) -> bool:
        # Whether the widget took it; one that is being taken down does not.
        lap = Lap(field, laps)
        self._awaited = lap if field.post_message(lap) else None
        if self._awaited is not None and self._look is None:
            self._look = self._app.set_interval(LOOK_SECONDS, self._looked)
        return self._awaited is not None
