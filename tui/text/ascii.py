"""What a console can show: decides for ASCII and no colour, and holds the output to it; no text of foreign origin acts on the terminal.

The filters work on what is painted, after every widget has drawn, so that no glyph and no colour of any
widget, ours or Textual's, gets past it. It keeps bold, underline and reverse. It never changes a width.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from seedvm.foreign.text import printable

_GLYPHS = str.maketrans({
    **dict.fromkeys("─━═╌╍┄┅┈┉▔▁╸╺╶╴╼╾", "-"), **dict.fromkeys("│┃║▏▕▎▌▐▊╎╏╻╹╷╵", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╂╬", "+"), **dict.fromkeys("█▉▇▆▅▄▃▂▀▓▒", "#"), "░": ".",
    "•": "*", "●": "*", "○": "o", "◉": "*", "✓": "x", "✔": "x", "✗": "!", "✖": "!", "↶": "<", "▶": ">", "▷": ">", "▼": "v", "▽": "v",
    "▲": "^", "△": "^", "◀": "<", "↑": "^", "↓": "v", "←": "<", "→": ">", "…": "~", "⏎": ">", "↵": ">", "·": ".",
    "\u2573": "x", "\u203a": ">",
    "\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00d7": "x",
})  # fmt: skip


def wants_ascii(env: Mapping[str, str]) -> bool:
    """True where the console's font or line cannot be trusted: serial and console terminals, a locale without UTF-8."""
    term = env.get("TERM", "")
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    utf8 = "utf-8" in locale.lower() or "utf8" in locale.lower()
    return term in ("", "linux", "dumb", "ansi", "unknown") or term.startswith("vt") or not utf8


def wants_lines(env: Mapping[str, str]) -> bool:
    """True where the terminal cannot address the cursor, so that only line mode makes sense."""
    return env.get("TERM", "") in ("", "dumb", "unknown")


def ascii_text(text: str) -> str:
    """The text in ASCII, as wide as before; a glyph without a likeness becomes `?`."""
    if text.isascii():
        return text
    shown = text.translate(_GLYPHS)
    return shown if shown.isascii() else "".join(c if c.isascii() else "?" * cell_len(c) for c in shown)


@lru_cache(2048)
def _bare(style: Style) -> Style:
    return Style(
        bold=style.bold or None, underline=style.underline or None, reverse=style.reverse or None, meta=style.meta
    )


class TextFilter(LineFilter):
    """Lets text be text: what a device, a file or an error put into it moves no cursor, sets no colour and reverses no line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells without controls and format characters."""
        if all(segment.control or (segment.text.isascii() and segment.text.isprintable()) for segment in segments):
            return segments
        return [one if one.control else Segment(as_wide(one.text), one.style) for one in segments]


def as_wide(text: str) -> str:
    """`printable` text in as many cells as before."""
    clean = printable(text)
    return clean if clean == text else set_cell_size(clean, cell_len(text))


class PlainFilter(LineFilter):
    """Takes colour away, and glyphs beyond ASCII too where `ascii_only`."""

    def __init__(self, ascii_only: bool) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells without colour."""
        return [
            segment if segment.control else Segment(
                ascii_text(segment.text) if self.ascii_only else segment.text,
                None if segment.style is None else _bare(segment.style),
            )
            for segment in segments
        ]  # fmt: skip
