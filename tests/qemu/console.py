"""`seedvm host console` on a real terminal of 80 x 24: what is on the screen, everything that ever came, and keys."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.qemu.laptop import SOURCE, until
from tests.terminal import Pane, Tmux


class Console:
    """One window; `words` is what runs in it."""

    def __init__(self, tmux: Tmux, words: Sequence[str]) -> None:
        self._tmux = tmux
        self._log = tmux.folder / "console.raw"
        self._words = words
        self.pane: Pane | None = None

    def open(self) -> None:
        """Attach. Everything that comes from now on is kept, beside what was kept before."""
        self.close()
        self.pane = self._tmux.open(shlex.join(self._words), SOURCE)
        self._tmux.ask("pipe-pane", "-o", "-t", self.pane.name, f"cat >>{shlex.quote(str(self._log))}")

    def close(self) -> None:
        """The terminal is gone, as when its window is closed."""
        if self.pane is not None:
            self.pane.close()
        self.pane = None

    def press(self, *keys: str) -> None:
        """Keys by tmux's names (Enter, C-l, Escape, C-])."""
        assert self.pane is not None
        self.pane.press(*keys)

    def type(self, text: str) -> None:
        """Text as it is."""
        assert self.pane is not None
        self.pane.type(text)

    def screen(self) -> str:
        """What stands on it."""
        return "" if self.pane is None else self.pane.screen()

    def said(self) -> str:
        """Everything since the first `open`, with the terminal's orders in it."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def see(self, text: str, seconds: float) -> None:
        """Wait until the screen shows a text."""
        try:
            until(f"the screen to show {text!r}", lambda: text in self.screen(), seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{self.screen()}") from error

    def stands_on(self, text: str, seconds: float) -> None:
        """Wait until the cursor stands in a row with a text: only then do letters go there."""

        def there() -> bool:
            assert self.pane is not None
            row = int(self._tmux.ask("display-message", "-p", "-t", self.pane.name, "#{cursor_y}"))
            return text in self.screen().splitlines()[row]

        until(f"the cursor to stand on {text!r}", there, seconds)

    def hear(self, text: str, seconds: float, *, since: int = 0) -> None:
        """Wait until a text has come, also when it has scrolled away; `since` is a length of `said`."""
        try:
            until(f"{text!r} on the line", lambda: text in self.said()[since:], seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last: {self.said()[-3000:]!r}") from error


@contextlib.contextmanager
def console(scratch: Path, words: Sequence[str]) -> Iterator[Console]:
    """A console that ends with the block. It is not attached yet."""
    folder = scratch / "terminal"
    folder.mkdir()
    tmux = Tmux(folder)
    tmux.begin()
    try:
        yield Console(tmux, words)
    finally:
        tmux.end()
