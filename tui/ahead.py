"""Keys typed ahead of a slow line: what follows Enter in a field waits until Enter has done its work.

Textual gives each key to the widget that has the focus when the key comes. Enter moves the focus only after it has gone from the field
up to the page and back; a password typed meanwhile would stand readable in the field before. Holds no key for more than a second.
"""

from __future__ import annotations

from collections import deque

from textual.app import App
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

LAPS = 2  # behind the key up to the app, then behind what the field has told the page
MOST_SECONDS = 1.0


class Lap(Message):
    """Goes from a field up to the app, behind all that the field has sent before."""


class TypedAhead:
    """The keys that wait, and the field whose Enter they wait for."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._waiting: deque[Key] = deque()
        self._laps = 0

    def holds(self, key: Key) -> bool:
        """Whether this key has to wait; it is kept and comes again."""
        if self._laps:
            self._waiting.append(key)
        return self._laps > 0

    def sent(self, key: Key, to: Widget | None) -> None:
        """The key was given to a widget."""
        if key.key == "enter" and isinstance(to, Input):
            self._laps = LAPS
            self._run(to)
            self._app.set_timer(MOST_SECONDS, self.release)  # the field may have gone meanwhile

    def lap(self, field: Widget) -> None:
        """The messenger came back."""
        self._laps -= 1
        if self._laps > 0:
            self._run(field)
        else:
            self.release()

    def release(self) -> None:
        """Give out what waits, up to the next Enter."""
        self._laps = 0
        waiting, self._waiting = self._waiting, deque()
        for key in waiting:
            self._app.post_message(key)

    def _run(self, field: Widget) -> None:
        messenger = Lap()
        messenger.set_sender(field)
        if not field.post_message(messenger):
            self.release()
