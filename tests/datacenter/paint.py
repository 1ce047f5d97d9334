"""Text that paints on a terminal: what any foreign field may hold, and what a printed byte must not be.

Source: ECMA-48 (control functions), xterm's control sequences (OSC 8, 52), Unicode 15.1 chapter 23 (bidi, format characters).
"""

from __future__ import annotations

import re
import unicodedata

MARK = "zq7"
"""In the clear part of every text of PAINTS, so that a test can see that the value was shown at all."""

PAINTS: dict[str, str] = {
    "colour": "\x1b[31;1m",
    "clear-screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "hyperlink": "\x1b]8;;http://192.0.2.66/\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "dcs": "\x1bP$q q\x1b\\",
    "answerback": "\x1b[6n\x1b[c\x05",
    "charset": "\x1b(0\x0e",
    "c1-csi": "\x9b2J",
    "c1-osc": "\x9d0;owned\x9c",
    "carriage-return": "\rowned",
    "backspaces": "\b" * 30 + "owned",
    "bell": "\x07",
    "nul": "\x00",
    "newline": "\nowned: ok\n",
    "vertical": "\x0b\x0c\x85",
    "delete": "\x7f",
    "bidi-override": "\u202edenwo\u202c",
    "bidi-embedding": "\u202a\u202b",
    "bidi-isolate": "\u2066\u2067\u2068\u2069",
    "bidi-mark": "\u200e\u200f\u061c",
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff",
    "separators": "\u2028owned\u2029",
    "tags": "\U000e0041\U000e007f",
    "combining": "e" + "\u0301" * 200,
    "rtl": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "wide": "\u6f22\u5b57\U0001f469\u200d\U0001f4bb\U0001f1e9\U0001f1ea",
    "lone-surrogate": "\ud83d\udc00",
    "private": "\ue000\U000f0000",
    "markup": "[bold red]owned[/bold red] [@click=app.quit]here[/]",
    "markup-open": "[reverse][/",
}
PAINT = f"{MARK}" + "".join(PAINTS.values())
"""All of them in one text, which begins with MARK."""

_OWN = re.compile(rb"\n")
SCREEN = re.compile(rb"\x1b\[[0-9;?>=<]*[A-Za-ln-z]|\x1b\[[0-9;]*m|\x1b\[\?[0-9;$]*p|\x1b\]22;default\x07|\r?\n")
"""What a full-screen program of ours may send to a terminal, the shape of its pointer too; not titles, links, clipboards or strings."""
_BAD = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def remains(printed: bytes, *, own: re.Pattern[bytes] = _OWN) -> list[str]:
    """What is left of the bytes of a program besides text and its own control sequences (`own`: newlines): names of characters that no
    program may print because somebody else said them. Empty is right."""
    text = own.sub(b"", printed).decode("utf-8", "surrogateescape")
    return sorted(
        {f"U+{ord(one):04X} {unicodedata.name(one, '')}".strip() for one in text if unicodedata.category(one) in _BAD}
    )
