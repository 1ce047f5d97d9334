"""What is said where a screen or the seed is left: the words after the screen has closed. Pure; knows no widget."""

from __future__ import annotations

from tui.state.watcher import View
from tui.text.progress import light


def closing_words(view: View, *, replaying: bool) -> str:
    """What is said once the screen is closed: whether work goes on without it, and how to come back."""
    if replaying:
        return "The recording is closed."
    safe, words = light(view.state, view.receipt)
    if safe:
        return f"{words}. The receipt is receipt.txt in the state folder; seedvm wizard opens it again."
    engine = "the engine keeps running" if view.running else "no engine is running"
    return f"The screen is closed; {engine}. seedvm wizard opens it again. {words}."
