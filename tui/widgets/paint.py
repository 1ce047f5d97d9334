"""How spans become cells: styles by name, and bars and sparklines as the terminal can show them.

A bar's free part is painted as a background where there are colours, and is the glyph that it came as where there are none, so that a bar
reads the same on every terminal. Nothing here knows what a line means.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.widget import Widget

from seedvm.base.rows import Line, Span

STYLES = ("good", "bad", "warn", "busy", "dim", "strong", "track", "accent")
TRACK, SPARK, THIN = "track", "spark", "thin"
MARKED = "marked"

_EIGHTHS = " ▏▎▍▌▋▊▉"
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.,-=+*#"
_THINNER = str.maketrans("█░", "━─")
_MOST = str.maketrans("▉▊▋▌▍▎▏", "###....")


def bar(share: float, width: int, style: str = "busy") -> tuple[Span, ...]:
    """A bar of `width` cells, filled to an eighth of a cell."""
    cells = min(1.0, max(0.0, share)) * width
    full = int(cells)
    part = _EIGHTHS[int((cells - full) * 8)] if full < width else ""
    part = part if part != " " else ""
    return (
        ("█" * full, f"{style} fill"),
        (part, f"{style} track part"),
        ("░" * (width - full - len(part)), TRACK),
    )


def thin_bar(share: float, width: int, style: str = "busy") -> tuple[Span, Span]:
    """A bar that leaves room between itself and the next line: a stroke where there are colours."""
    full = round(min(1.0, max(0.0, share)) * width)
    return ("█" * full, f"{style} {THIN}"), ("░" * (width - full), f"dim {THIN}")


def spark(values: Sequence[float], width: int, style: str = "busy") -> Span:
    """The last `width` values, each as high as it is to the highest."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    text = "".join(_LEVELS[min(7, int(value / top * 7.99))] if top > 0 else _LEVELS[0] for value in shown)
    return text.rjust(width), f"{style} {SPARK}"


class Painter(Widget):
    """A widget whose lines are spans."""

    COMPONENT_CLASSES = {f"lines--{style}" for style in STYLES}

    def painted(self, line: Line, base: Style) -> list[Segment]:
        """The cells of a line."""
        plain = getattr(self.app, "colourless", False)
        return [self._segment(text, names.split(), base, plain=plain) for text, names in line if text]

    def _segment(self, text: str, names: list[str], base: Style, *, plain: bool) -> Segment:
        if plain:
            if SPARK in names and getattr(self.app, "ascii_only", False):
                text = text.translate(str.maketrans(_LEVELS, _ASCII_LEVELS))
            elif "part" in names and getattr(self.app, "ascii_only", False):
                text = text.translate(_MOST)
        elif THIN in names:
            text = text.translate(_THINNER)
        elif TRACK in names and "part" not in names:
            text = " " * len(text)
        style = base
        for name in names:
            if name == TRACK and plain:
                continue
            if name == MARKED:
                style += Style(reverse=True)
            elif name in STYLES:
                style += self.get_component_rich_style(f"lines--{name}", partial=True)
        return Segment(text, style)
