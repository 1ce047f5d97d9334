"""The terminal of whoever started us: its settings kept, and given back after a program that drew on the whole of it.

A program whose machine is switched off under it cannot do so itself: it leaves another screen, no cursor, no line wrap, and a mouse that
types. It refuses to write to anything that is no terminal.
"""

from __future__ import annotations

import contextlib
import sys
import termios
from collections.abc import Iterator

LEAVE = (
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l"  # no reports of the mouse
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[<u"  # none of focus, pastes, sizes; keys as they were
    "\x1b[?1049l\x1b[?7h\x1b[?25h\x1b[0m\r\n"  # the main screen, line wrap, cursor, colours
)
"""What undoes all that the wizard, or any other full-screen program, asks of a terminal (xterm's ctlseqs)."""


def leave_screen() -> None:
    """Back to the main screen, with cursor and line wrap, whatever a program left behind."""
    if sys.stdout.isatty():
        sys.stdout.write(LEAVE)
        sys.stdout.flush()


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """The settings of the terminal on standard input (echo, lines, signals) are afterwards what they were."""
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, ValueError, AttributeError):
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
