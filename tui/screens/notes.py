"""Two small windows over a page: its help, and the list of pages to go to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.widgets.keys import Keys

_EVERYWHERE = """\
On every page: Esc back, F1 help, F2 pages, F3 or / find, F4 plain ASCII,
Ctrl+P commands, Ctrl+Q closes the wizard (the engine keeps running)."""


class Notes(ModalScreen[str]):
    """A window that closes by Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", key_display="Esc")]

    def action_close(self) -> None:
        """Back to the page."""
        self.dismiss("")


class Help(Notes):
    """A page's help in plain words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "close", "Close", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Title and text."""
        with VerticalScroll(id="notes"):
            yield Static(f"Help: {self._title}", id="notes-title", markup=False)
            yield Static(f"\n{self._text}\n\n{_EVERYWHERE}", id="notes-body", markup=False)
        yield Keys()


class Jump(Notes):
    """The list of pages; gives the chosen one's key, or nothing."""

    AUTO_FOCUS = "#pages"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2", "close", "Close", show=False)]

    def __init__(self, pages: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._pages = pages

    def compose(self) -> ComposeResult:
        """A line per page."""
        with VerticalScroll(id="notes"):
            yield Static("Go to", id="notes-title", markup=False)
            yield OptionList(*(Option(title, id=key) for key, title in self._pages), id="pages")
        yield Keys()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a line."""
        self.dismiss(event.option_id or "")
